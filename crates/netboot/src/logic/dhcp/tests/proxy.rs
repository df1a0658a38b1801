//! A proxy beside a server that gives addresses, and the boot service.

use super::clients::{boot_service, ipxe, rom, select, uefi, windows};
use super::*;

#[test]
fn an_offer_names_the_file_and_no_address() {
    let mut bench = Bench::new(Role::Proxy, "");
    for (discover, class, file) in [
        (rom(1), "PXEClient", "undionly.kpxe"),
        (ipxe(1, 0, b"iPXE"), "PXEClient", "http://192.168.0.10/boot.ipxe"),
        (uefi(2, 7), "PXEClient", "snponly.efi"),
        (uefi(3, 16), "HTTPClient", "http://192.168.0.10/snponly.efi"),
    ] {
        let offer = bench.send(&discover).message().unwrap();
        assert_eq!(offer.message_type(), Some(MessageType::Offer));
        assert_eq!(offer.yiaddr, Ipv4Addr::UNSPECIFIED);
        for address_option in [1, 3, 6, 51, 58, 59] {
            assert_eq!(offer.options.get(address_option), None, "option {address_option}");
        }
        assert_eq!(offer.siaddr, SERVER);
        assert_eq!(offer.options.get(60), Some(class.as_bytes()));
        assert_eq!(offer.file_name(), file.as_bytes());
    }
}

#[test]
fn an_offer_to_ipxe_comes_before_that_of_the_other_server() {
    let priority = |role, discover: &Message| {
        let offer = Bench::new(role, "").send(discover).message().unwrap();
        offer.options.get(code::IPXE).map(<[u8]>::to_vec)
    };
    assert_eq!(priority(Role::Proxy, &ipxe(1, 0, b"iPXE")), Some(vec![1, 1, 1]));
    assert_eq!(priority(Role::Proxy, &ipxe(1, 7, b"iPXE")), Some(vec![1, 1, 1]));
    assert_eq!(priority(Role::Proxy, &rom(1)), None, "a ROM does not know it");
    assert_eq!(priority(Role::Full, &ipxe(1, 0, b"iPXE")), None, "there is no other offer");
}

#[test]
fn u_boot_gets_the_program_of_its_processor() {
    let mut bench = Bench::new(Role::Proxy, "");
    for (number, class, file) in [
        (21, "U-Boot.armv7", "snponly-arm32.efi"),
        (22, "U-Boot.armv8", "snponly-arm64.efi"),
        (22, "PXEClient:Arch:00022:UNDI:003000", "snponly-arm64.efi"),
        (24, "U-Boot.armv8", "http://192.168.0.10/snponly-arm64.efi"),
    ] {
        let mut discover = uefi(number, 0);
        discover.options.set(code::CLIENT_ARCH, [0, u8::try_from(number).unwrap()]);
        discover.options.set(code::VENDOR_CLASS, class);
        let offer = bench.send(&discover).message().unwrap();
        assert_eq!(offer.file_name(), file.as_bytes(), "{number} {class}");
    }
    let mut bare = uefi(30, 0);
    bare.options.remove(code::CLIENT_ARCH);
    bare.options.set(code::VENDOR_CLASS, *b"U-Boot.armv8");
    assert_eq!(bench.send(&bare).message().unwrap().file_name(), b"snponly-arm64.efi");
}

#[test]
fn what_belongs_to_the_other_server_is_left_to_it() {
    let mut bench = Bench::new(Role::Proxy, "");
    assert_eq!(bench.send(&windows(1)).reason(), "no boot client");
    let offer = bench.send(&rom(1)).message().unwrap();
    let request = select(&rom(1), &offer);
    assert!(bench.send(&request).reason().contains("REQUEST is left to the server"));
    let unknown = uefi(2, 99);
    let mut unknown_arch = unknown.clone();
    unknown_arch.options.set(60, *b"PXEClient:Arch:00099:UNDI:003000");
    assert_eq!(bench.send(&unknown_arch).reason(), "no boot file for this platform");
    let mut far = rom(3);
    far.giaddr = [172, 16, 0, 1].into();
    assert!(bench.send(&far).reason().contains("in no configured subnet"));
}

#[test]
fn the_boot_service_answers_to_the_port_that_asked() {
    for role in [Role::Full, Role::Proxy] {
        let mut bench = Bench::new(role, "");
        for from in ["192.168.0.156:4011", "192.168.0.156:68"] {
            let answered = bench.send_from(&boot_service(4, 7), from, Port::Boot);
            let (ack, to, port) = answered.sent().unwrap();
            assert_eq!((to, port), (from.parse().unwrap(), Port::Boot));
            assert_eq!(ack.message_type(), Some(MessageType::Ack));
            assert_eq!(ack.file_name(), b"snponly.efi");
            assert_eq!((ack.siaddr, ack.yiaddr), (SERVER, Ipv4Addr::UNSPECIFIED));
            assert_eq!(ack.options.address(54), Some(SERVER));
        }
        let far = bench.send_from(&boot_service(4, 7), "8.8.8.8:53", Port::Boot);
        assert!(far.reason().contains("8.8.8.8 is in no configured subnet"));
        let discover = bench.send_from(&uefi(4, 7), "192.168.0.156:68", Port::Boot);
        assert!(discover.reason().contains("DISCOVER is left"));
    }
}

#[test]
fn a_boot_item_is_answered_with_itself() {
    let mut bench = Bench::new(Role::Proxy, "");
    let mut request = boot_service(4, 7);
    request.options.set(43, [71, 4, 0x80, 1, 0, 0, 255]);
    let ack = bench.send_from(&request, "192.168.0.156:4011", Port::Boot).message().unwrap();
    assert_eq!(ack.options.get(43), Some(&[6, 1, 8, 71, 4, 0x80, 1, 0, 0, 255][..]));
}

#[test]
fn a_loop_is_met_with_silence_that_says_why() {
    let mut bench = Bench::new(Role::Proxy, "");
    let again = |xid| Message { xid, ..rom(1) };
    for xid in 1..=3 {
        assert!(bench.send(&again(xid)).sent().is_some());
        assert!(bench.send(&again(xid)).sent().is_some(), "a repeat is no new boot");
    }
    assert!(bench.send(&again(4)).reason().starts_with("boot loop: undionly.kpxe"));
}

#[test]
fn a_loop_names_the_server_whose_offer_the_client_takes() {
    let mut bench = Bench::new(Role::Proxy, "");
    for xid in 1..=3 {
        let discover = Message { xid, ..rom(1) };
        let offer = bench.send(&discover).message().unwrap();
        let mut request = select(&discover, &offer);
        request.options.set(code::SERVER_ID, [192, 168, 0, 1]);
        bench.send(&request);
    }
    let reason = bench.send(&Message { xid: 4, ..rom(1) }).reason();
    assert!(
        reason.ends_with("; its address is from 192.168.0.1, which may name another file"),
        "{reason}"
    );
}
