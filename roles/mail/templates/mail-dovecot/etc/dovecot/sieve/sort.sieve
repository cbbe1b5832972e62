# Sorts what comes in, before a subscriber's own filters do.
require ["fileinto", "mailbox", "envelope", "subaddress", "copy", "vnd.dovecot.pipe"];
# Reports about our mail, which machines write, apart from what people write to the postmaster.
if envelope :detail "to" "reports" {
    fileinto :create "Reports";
    stop;
}
if header :is "X-Spam" "Yes" {
    fileinto :create "Junk";
    stop;
}
# A copy for the partner's address outside; what comes back from there does not go there again.
if allof (envelope :localpart "to" "postmaster", not envelope :is "from" "") {
    pipe :copy :try "to-partner";
}
