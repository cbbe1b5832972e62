<?php

require __DIR__ . '/lib/fixture.php';
require_cache();
if (posix_geteuid() !== fileowner(config_folder() . '/config.php')) {
    fwrite(STDERR, "To be run by the owner of config.php.\n");
    exit(1);
}
if (status()['installed'] && !status()['maintenance']) {
    set_app_value('core', 'lastcron', (string) time());
}
