# Runs when a mail is put into Junk.
require ["vnd.dovecot.pipe", "copy", "imapsieve", "environment"];
pipe :copy "learn" ["spam"];
