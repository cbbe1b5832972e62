# Runs when a mail is taken out of Junk.
require ["vnd.dovecot.pipe", "copy", "imapsieve", "environment"];
# What is thrown away is not taken back.
if environment :is "imap.mailbox" "Trash" {
    stop;
}
pipe :copy "learn" ["ham"];
