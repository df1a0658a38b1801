//! BOOTP (RFC 951, RFC 1534): old ROMs and boot loaders that know no leases. They get what is reserved for them, as
//! an address without a lease would never come back to a pool.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::answer::Gives;
use super::pool::Asker;
use super::{Decided, Effect, Identity, Port, Role, Server};
use crate::client::{Client, Platform};
use crate::event::{Event, Ignore};
use crate::logic::Time;
use crate::wire::dhcp::{Message, code};

/// The whole message: RFC 951 has 64 bytes for what are options now.
const SIZE: usize = 300;

impl Server {
    /// The answer to a request without a message type.
    pub(super) fn bootp(
        &self,
        request: &Message,
        identity: &Identity,
        reserved: Option<Ipv4Addr>,
        now: Time,
    ) -> Result<Decided, Ignore> {
        if self.role != Role::Full {
            return Err(Ignore::Bootp);
        }
        let subnet = self.subnet(request)?;
        let asker = Asker { subnet, identity, reserved, now };
        let address = self.pools.reservation(asker, &self.leases).ok_or(Ignore::Bootp)?;
        let file = self.bootp_file(request);
        let mut message = request.reply();
        message.yiaddr = address;
        message.siaddr = self.link.address;
        message.set_server_name(&self.link.address.to_string());
        message.set_file(&file);
        let (subnet, name) = (Some(self.pools.config(subnet)), self.pools.name(address));
        Gives { subnet, name, ..Gives::default() }.set_options(&mut message.options, request);
        let bytes = fit(message)?;
        let to = if request.giaddr.is_unspecified() {
            SocketAddrV4::new(Ipv4Addr::BROADCAST, 68)
        } else {
            SocketAddrV4::new(request.giaddr, 67)
        };
        let text = format!("{identity} BOOTP, gets {address} file {file}");
        let sent = Effect::Send { from: Port::Server, to, bytes };
        Ok(vec![sent, Effect::Report(Event::Note { text })].into())
    }

    /// The file that the client names, or that of its platform. A ROM without a vendor class is a PC's.
    fn bootp_file(&self, request: &Message) -> String {
        if let Some(named) =
            std::str::from_utf8(request.file_name()).ok().filter(|it| !it.is_empty())
        {
            return named.to_owned();
        }
        let client = Client::of(request);
        let platform = client.platform.unwrap_or(Platform::Bios);
        self.config.view(&client).boot_file(platform).to_owned()
    }
}

/// The message within its size, without what a boot can do without.
fn fit(mut message: Message) -> Result<Vec<u8>, Ignore> {
    let codes: Vec<_> = message.options.iter().map(|(code, _)| code).collect();
    let needed = [code::SUBNET_MASK, code::ROUTER];
    for code in codes.into_iter().rev().filter(|code| !needed.contains(code)) {
        match message.encode(SIZE) {
            Ok(bytes) => return Ok(bytes),
            Err(_) => message.options.remove(code),
        };
    }
    Ok(message.encode(SIZE)?)
}
