@echo off
setlocal EnableExtensions DisableDelayedExpansion
rem Made by winpe-iscsi. Run it again if a login failed.

set failed=0
if /i "%~1"=="network" wpeutil InitializeNetwork
echo Starting the iSCSI initiator
net start msiscsi
call "%~dp0chap.cmd"

rem iscsi:192.168.0.20::::iqn.2011-12.com.example:win7
set tries=0
:portal1
iscsicli QAddTargetPortal 192.168.0.20 && goto login1
iscsicli QAddTargetPortal 192.168.0.20 "%chap_user%" "%chap_secret%" && goto login1
set /a tries+=1
if %tries% geq 20 goto failed1
ping -n 4 127.0.0.1 >nul
goto portal1
:login1
iscsicli QLoginTarget iqn.2011-12.com.example:win7 "%chap_user%" "%chap_secret%" && goto done1
:failed1
echo No login to iqn.2011-12.com.example:win7 at 192.168.0.20
set failed=1
:done1

rem iscsi:[2001:db8::20]::3261:2:iqn.2011-12.com.example:data
set tries=0
:portal2
iscsicli AddTargetPortal 2001:db8::20 3261 && goto login2
iscsicli AddTargetPortal 2001:db8::20 3261 * * * * * * * * * "%chap_user%" "%chap_secret%" 1 && goto login2
set /a tries+=1
if %tries% geq 20 goto failed2
ping -n 4 127.0.0.1 >nul
goto portal2
:login2
iscsicli LoginTarget iqn.2011-12.com.example:data T 2001:db8::20 3261 * * * * * * * * * "%chap_user%" "%chap_secret%" 1 * 0 && goto done2
:failed2
echo No login to iqn.2011-12.com.example:data at 2001:db8::20
set failed=1
:done2

echo rescan| diskpart >nul
exit /b %failed%
