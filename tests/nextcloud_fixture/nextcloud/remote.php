<?php

require __DIR__ . '/lib/fixture.php';
require __DIR__ . '/lib/directory.php';
require_service();
$uid = log_in($_SERVER['PHP_AUTH_USER'] ?? '', $_SERVER['PHP_AUTH_PW'] ?? '');
if ($uid === null) {
    header('WWW-Authenticate: Basic realm="Nextcloud", charset="UTF-8"');
    http_response_code(401);
    exit;
}
if (ask("SELECT 1 FROM oc_preferences WHERE userid = ? AND appid = 'core' AND configkey = 'enabled'
        AND configvalue = 'false'", $uid)) {
    http_response_code(503);  // so does the real one
    exit("This account is disabled.\n");
}
// A lock, as on any file: taken in Redis and given back.
$redis = new Redis();
$redis->connect(configuration()['redis']['host'], configuration()['redis']['port'], configuration()['redis']['timeout']);
if (!$redis->set("fixture/$uid", '1', ['nx', 'ex' => 10]) || !$redis->del("fixture/$uid")) {
    http_response_code(423);
    exit;
}
http_response_code(207);
header('Content-Type: application/xml; charset=utf-8');
echo '<?xml version="1.0"?><d:multistatus xmlns:d="DAV:"><d:response><d:href>/remote.php/dav/principals/users/',
    rawurlencode($uid), '/</d:href></d:response></d:multistatus>';
