//! The registry keys of the initiator in each Windows.
//!
//! The values are those of real installations of these builds; differences are fields.

use winpe_registry::{Edit, KeyPath, Value, ValueName, ValueType};
use winpe_wim::Arch;

/// A generation of Windows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Generation {
    pub(crate) name: &'static str,
    pub(crate) version: [u32; 4],
    pub(crate) arch: Arch,
    /// The real SYSTEM hive of the corpus, if there is one.
    pub(crate) hive: Option<&'static str>,
    /// The end of the driver package's name.
    pub(crate) package: &'static str,
    /// Services share processes by privilege: `svchost -p`, and one more privilege for this service.
    pub(crate) split: bool,
    /// The compiled INF states for which systems it applies.
    pub(crate) scope: bool,
    /// The driver's service has an empty group.
    pub(crate) empty_group: bool,
}

pub(crate) const WINDOWS_7: Generation = Generation {
    name: "7601",
    version: [6, 1, 7601, 17514],
    arch: Arch::X86,
    hive: Some("hives/regipy/SYSTEM"),
    package: "",
    split: false,
    scope: false,
    empty_group: false,
};

const WINDOWS_8: Generation = Generation {
    name: "9600",
    version: [6, 3, 9600, 16384],
    arch: Arch::Amd64,
    hive: None,
    package: "9c9f88c6fac3e0c6",
    split: false,
    scope: false,
    empty_group: true,
};

const WINDOWS_10_1709: Generation = Generation {
    name: "16299",
    version: [10, 0, 16299, 15],
    package: "2478c3542b407116",
    split: true,
    scope: true,
    empty_group: false,
    ..WINDOWS_8
};

const WINDOWS_10_1909: Generation = Generation {
    name: "18362",
    version: [10, 0, 18362, 1],
    package: "32c222cf543945da",
    ..WINDOWS_10_1709
};

pub(crate) const WINDOWS_10_21H2: Generation = Generation {
    name: "19041",
    version: [10, 0, 19041, 1],
    package: "c089962740ea1f84",
    hive: Some("hives/dissect/SYSTEM"),
    ..WINDOWS_10_1709
};

/// Generations whose keys come from the source.
pub(crate) const LATER: [Generation; 4] =
    [WINDOWS_8, WINDOWS_10_1709, WINDOWS_10_1909, WINDOWS_10_21H2];

pub(crate) const CLASS: &str = "{4d36e97b-e325-11ce-bfc1-08002be10318}";

impl Generation {
    /// The name of the driver package.
    pub(crate) fn package(&self) -> String {
        format!("iscsi.inf_{}_{}", self.arch, self.package)
    }

    /// The keys of the service, in a control set.
    pub(crate) fn service(&self, set: &str) -> Vec<Edit> {
        let tail = if self.split { " -p" } else { "" };
        let mut privileges = vec![
            "SeAuditPrivilege",
            "SeChangeNotifyPrivilege",
            "SeCreateGlobalPrivilege",
            "SeCreatePermanentPrivilege",
            "SeImpersonatePrivilege",
            "SeTcbPrivilege",
        ];
        privileges.extend(self.split.then_some("SeLoadDriverPrivilege"));
        let actions: Vec<u8> = [0x4650, 1, 1, 3, 20, 1, 120_000, 1, 300_000, 0, 0]
            .into_iter()
            .flat_map(u32::to_le_bytes)
            .collect();
        let key = format!(r"{set}\Services\MSiSCSI");
        let mut edits = sets(
            &key,
            [
                ("DisplayName", Value::sz(r"@%SystemRoot%\system32\iscsidsc.dll,-5000")),
                ("Group", Value::sz("iSCSI")),
                (
                    "ImagePath",
                    Value::expand_sz(
                        format!(r"%systemroot%\system32\svchost.exe -k netsvcs{tail}").as_str(),
                    ),
                ),
                ("Description", Value::sz(r"@%SystemRoot%\system32\iscsidsc.dll,-5001")),
                ("ObjectName", Value::sz("LocalSystem")),
                ("ErrorControl", Value::dword(1)),
                ("Start", Value::dword(3)),
                ("Type", Value::dword(0x20)),
                ("ServiceSidType", Value::dword(1)),
                ("RequiredPrivileges", Value::multi_sz(privileges)),
                ("FailureActionsOnNonCrashFailures", Value::dword(1)),
                ("FailureActions", Value::binary(actions)),
                ("RebootMessage", Value::sz("See Note 3 below")),
                ("FailureCommand", Value::sz("customScript.cmd")),
            ],
        );
        edits.extend(sets(
            &format!(r"{key}\Parameters"),
            [
                ("ServiceDll", Value::expand_sz(r"%systemroot%\system32\iscsiexe.dll")),
                ("ServiceDllUnloadOnStop", Value::dword(1)),
            ],
        ));
        edits.extend(messages(set, "MSiSCSI", r"%systemroot%\System32\iscsiexe.dll"));
        edits
    }

    /// The keys of the driver, in a control set.
    pub(crate) fn driver(&self, set: &str) -> Vec<Edit> {
        let key = format!(r"{set}\Services\iScsiPrt");
        let mut edits = sets(
            &key,
            [
                ("Type", Value::dword(1)),
                ("Start", Value::dword(3)),
                ("ErrorControl", Value::dword(1)),
                ("ImagePath", Value::expand_sz(r"\SystemRoot\System32\drivers\msiscsi.sys")),
                ("DisplayName", Value::sz("@iscsi.inf,%iScsiPortName%;iScsiPort Driver")),
                ("Owners", Value::multi_sz(["iscsi.inf"])),
                ("BootFlags", Value::dword(1)),
            ],
        );
        if self.empty_group {
            edits.extend(sets(&key, [("Group", Value::sz(""))]));
        }
        edits.extend(sets(&format!(r"{key}\Parameters"), [("BusType", Value::dword(9))]));
        edits.extend(messages(set, "iScsiPrt", r"%SystemRoot%\System32\iscsilog.dll"));
        edits.extend(sets(
            &format!(r"{set}\Control\Class\{CLASS}"),
            [
                ("ClassDesc", Value::sz(r"@%SystemRoot%\System32\SysClass.Dll,-3005")),
                ("Class", Value::sz("SCSIAdapter")),
                ("LegacyAdapterDetection", Value::dword(0)),
            ],
        ));
        edits
    }

    /// The driver database.
    pub(crate) fn database(&self) -> Vec<Edit> {
        let package = self.package();
        let mut edits = sets(
            r"DriverDatabase\DriverInfFiles\iscsi.inf",
            [
                ("", Value::multi_sz([package.as_str()])),
                ("Active", Value::sz(package.as_str())),
                ("Configurations", Value::multi_sz(["iScsiPort_Install_Control"])),
            ],
        );
        edits.extend(sets(
            r"DriverDatabase\DeviceIds\ROOT\iSCSIPrt",
            [("iscsi.inf", Value::binary([1, 0xff, 0, 0]))],
        ));
        edits.extend(sets(
            &format!(r"DriverDatabase\DeviceIds\{CLASS}"),
            [
                ("iscsi.inf", Value::new(ValueType::NONE, [])),
                ("spaceport.inf", Value::new(ValueType::NONE, [])),
            ],
        ));
        let key = format!(r"DriverDatabase\DriverPackages\{package}");
        edits.extend(sets(
            &key,
            [
                ("", Value::sz("iscsi.inf")),
                ("Provider", Value::sz("Microsoft")),
                ("SignerScore", Value::dword(0x0d00_0003)),
                ("StatusFlags", Value::dword(0x12)),
            ],
        ));
        let control = format!(r"{key}\Configurations\iScsiPort_Install_Control");
        edits.extend(sets(&control, [("Service", Value::sz("iScsiPrt"))]));
        if self.scope {
            edits.extend(sets(&control, [("ConfigScope", Value::dword(5))]));
        }
        // A dword with a flag of the INF compiler in its type.
        let flagged = |number: u32| Value::new(ValueType(0x0002_0004), number.to_le_bytes());
        edits.extend(sets(
            &format!(r"{control}\Driver\Parameters"),
            [
                ("MaxTransferLength", flagged(262_144)),
                ("MaxConnectionRetries", flagged(u32::MAX)),
                ("LinkDownTime", flagged(15)),
            ],
        ));
        edits.extend(sets(&format!(r"{control}\Driver\PersistentTargets"), [("", Value::sz(""))]));
        // A device property, whose type is a number of its own.
        let page = Value::sz("iscsipp.dll,iSCSIPropPageProvider").data;
        let property =
            format!(r"{control}\Properties\{{a8b865dd-2e3d-4094-ad97-e593a70c75d6}}\000A");
        edits.extend(sets(&property, [("", Value::new(ValueType(0xffff_0012), page))]));
        edits
    }

    /// Values that the machine of an installed Windows adds, and that must not get into an image.
    pub(crate) fn machine(&self, set: &str) -> Vec<Edit> {
        let mut edits = sets(
            &format!(r"{set}\Services\iScsiPrt\Enum"),
            [("0", Value::sz(r"ROOT\ISCSIPRT\0000")), ("Count", Value::dword(1))],
        );
        edits.extend(sets(
            &format!(r"{set}\Services\iScsiPrt\StartOverride"),
            [("0", Value::dword(3))],
        ));
        edits.extend(sets(&format!(r"{set}\Services\MSiSCSI\Enum"), [("Count", Value::dword(0))]));
        edits.extend(sets(
            &format!(r"{set}\Enum\ROOT\ISCSIPRT\0000"),
            [("Service", Value::sz("iScsiPrt"))],
        ));
        edits.extend(sets(
            &format!(r"{set}\Control\Class\{CLASS}\0000"),
            [("InfPath", Value::sz("stornvme.inf"))],
        ));
        edits
    }
}

fn messages(set: &str, name: &str, file: &str) -> Vec<Edit> {
    sets(
        &format!(r"{set}\Services\EventLog\System\{name}"),
        [("EventMessageFile", Value::expand_sz(file)), ("TypesSupported", Value::dword(7))],
    )
}

pub(crate) fn key(path: &str) -> KeyPath {
    path.parse().unwrap()
}

pub(crate) fn sets<const N: usize>(path: &str, values: [(&str, Value); N]) -> Vec<Edit> {
    let set = |(name, value)| Edit::set_value(key(path), ValueName::new(name).unwrap(), value);
    values.into_iter().map(set).collect()
}
