//! `Appender`: appends resources and tables to a file, and fills in the header that refers to them.

use zerocopy::little_endian::{U16, U32};

use super::integrity::Digests;
use super::pack::{Base, Packer, Slot, write_plain};
use super::storage::Output;
use crate::blobs::{BlobTable, Sha1};
use crate::chunks::Source;
use crate::content::Data;
use crate::error::WimError;
use crate::format::header::DiskHeader;
use crate::format::resource::{DiskBlob, ResourceHeader, flags};
use crate::xml::Xml;

/// Appends to a file, from `at` on.
pub(crate) struct Appender<'a> {
    pub(crate) output: Output<'a>,
    pub(crate) at: u64,
    pub(crate) packer: Packer,
}

/// The tables of a WIM, written after its resources.
pub(crate) struct Tables<'a> {
    pub(crate) blobs: &'a BlobTable,
    /// Blobs without references.
    pub(crate) dropped: &'a [Sha1],
    pub(crate) xml: Xml,
    /// Known digests for the integrity table, if one is to be written.
    pub(crate) integrity: Option<Digests>,
}

impl Appender<'_> {
    /// Appends data as a separate resource.
    pub(crate) fn blob(
        &mut self,
        data: &Data<'_>,
        references: u32,
        base: Option<Base<'_>>,
        report: &mut dyn FnMut(u64),
    ) -> Result<DiskBlob, WimError> {
        self.resource(data, references, base, 0, report)
    }

    /// Appends the metadata of an image.
    pub(crate) fn metadata(
        &mut self,
        bytes: &[u8],
        base: Option<Base<'_>>,
    ) -> Result<DiskBlob, WimError> {
        self.resource(&Data::bytes(bytes), 1, base, flags::METADATA, &mut |_| {})
    }

    /// Appends a resource of another WIM with the same compression without recompressing it.
    pub(crate) fn copy(
        &mut self,
        source: Source<'_>,
        entry: &DiskBlob,
        report: &mut dyn FnMut(u64),
    ) -> Result<DiskBlob, WimError> {
        const STEP: u64 = 1 << 20;
        let from = entry.resource;
        let mut done = 0;
        while done < from.stored() {
            let size = STEP.min(from.stored() - done);
            let place = from.offset.get() + done;
            let size = usize::try_from(size).expect("at most a step");
            self.output.write(self.at + done, &source.read("a resource", place, size)?)?;
            done += size as u64;
        }
        report(from.size.get());
        let resource = ResourceHeader::new(self.at, done, from.size.get(), from.flags);
        self.at = resource.end();
        Ok(DiskBlob { resource, part: U16::new(1), ..*entry })
    }

    fn resource(
        &mut self,
        data: &Data<'_>,
        references: u32,
        base: Option<Base<'_>>,
        extra: u8,
        report: &mut dyn FnMut(u64),
    ) -> Result<DiskBlob, WimError> {
        let slot = Slot { output: self.output, at: self.at, flags: extra };
        let resource = self.packer.write(slot, data, base, report)?;
        self.at = resource.end();
        let sha1 = data.sha1;
        Ok(DiskBlob { resource, part: U16::new(1), references: U32::new(references), sha1 })
    }

    /// Appends the tables and stores their offsets in `disk`.
    pub(crate) fn tables(
        &mut self,
        disk: &mut DiskHeader,
        mut tables: Tables<'_>,
    ) -> Result<(), WimError> {
        disk.blob_table = self.plain(&tables.blobs.to_bytes(tables.dropped))?;
        let resources_end = self.at;
        tables.xml.set_total_bytes(resources_end).map_err(|bad| {
            let place = disk.xml.offset.get();
            WimError::corrupt(self.output.path, "the XML data", place, bad.expected, bad.actual)
        })?;
        disk.xml = self.plain(&tables.xml.encode())?;
        disk.integrity = match tables.integrity {
            None => ResourceHeader::default(),
            Some(digests) => {
                let Output { storage, path, .. } = self.output;
                let table = digests.complete(
                    Source { file: storage.file(), path, base: 0, size: self.at },
                    resources_end,
                )?;
                self.plain(&table)?
            }
        };
        if let Some(boot) = disk.boot_index.get().checked_sub(1)
            && let Some(metadata) = tables.blobs.metadata(boot as usize)
        {
            disk.boot_metadata = metadata.resource;
        }
        Ok(())
    }

    /// Tables are never compressed: the loaders of Windows read them before they know the
    /// compression.
    fn plain(&mut self, bytes: &[u8]) -> Result<ResourceHeader, WimError> {
        let resource =
            write_plain(self.output, self.at, &Data::bytes(bytes), flags::METADATA, None)?;
        self.at = resource.end();
        Ok(resource)
    }
}
