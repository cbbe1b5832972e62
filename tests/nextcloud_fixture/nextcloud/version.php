<?php
$OC_Version = array(@VERSION@,1);
$OC_VersionString = '@STRING@';
$OC_VersionCanBeUpgradedFrom = array (
  'nextcloud' =>
  array (
    '@BEFORE@' => true,
    '@LINE@' => true,
  ),
);
