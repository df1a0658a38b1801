
set failed=0
if /i "%~1"=="network" wpeutil InitializeNetwork
echo Starting the iSCSI initiator
net start msiscsi
