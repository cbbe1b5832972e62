<?php

require __DIR__ . '/lib/fixture.php';
require_cache();
header('Content-Type: application/json');
echo json_encode(status());
