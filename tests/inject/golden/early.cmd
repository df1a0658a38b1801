@echo off
setlocal EnableExtensions DisableDelayedExpansion
rem Made by winpe-iscsi. Runs before the network starts.

rem From Windows 11 on, the initiator's service needs an event log that is written. Where the
rem key MiniNT says that this is WinPE, the event log service runs and writes nothing, so the
rem service is started again while the key is away.
set "control=HKLM\SYSTEM\CurrentControlSet\Control"
reg copy "%control%\MiniNT" "%control%\MiniNT.winpe-iscsi" /s /f >nul || goto logged
reg delete "%control%\MiniNT" /f >nul
net stop eventlog /y
net start eventlog
reg copy "%control%\MiniNT.winpe-iscsi" "%control%\MiniNT" /s /f >nul
reg delete "%control%\MiniNT.winpe-iscsi" /f >nul
:logged
exit /b 0
