//! The metadata of an assembly: its heaps and its tables, whose rows are as wide as the tables they point into are long
//! (ECMA-335, II.22 and II.24).

/// A table, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Table(pub(super) usize);

impl Table {
    pub(super) const TYPE_REF: Self = Self(0x01);
    pub(super) const TYPE_DEF: Self = Self(0x02);
    pub(super) const METHOD_DEF: Self = Self(0x06);
    pub(super) const MEMBER_REF: Self = Self(0x0a);
    pub(super) const CUSTOM_ATTRIBUTE: Self = Self(0x0c);
    pub(super) const ASSEMBLY: Self = Self(0x20);
}

/// An index into one of several tables: the low bits say which.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coded {
    bits: u32,
    tables: &'static [usize],
}

/// A column of a table.
#[derive(Clone, Copy)]
enum Column {
    Blob,
    Coded(Coded),
    Fixed(usize),
    Guid,
    Index(usize),
    String,
}

use Column::{Blob, Fixed, Guid, Index, String};

const NONE: usize = 0x3f;
const TYPE_DEF_OR_REF: Coded = Coded { bits: 2, tables: &[0x02, 0x01, 0x1b] };
const HAS_CONSTANT: Coded = Coded { bits: 2, tables: &[0x04, 0x08, 0x17] };
pub(super) const HAS_CUSTOM_ATTRIBUTE: Coded = Coded {
    bits: 5,
    tables: &[
        0x06, 0x04, 0x01, 0x02, 0x08, 0x09, 0x0a, 0x00, 0x0e, 0x17, 0x14, 0x11, 0x1a, 0x1b, 0x20, 0x23, 0x26, 0x27,
        0x28, 0x2a, 0x2c, 0x2b,
    ],
};
const HAS_FIELD_MARSHAL: Coded = Coded { bits: 1, tables: &[0x04, 0x08] };
const HAS_DECL_SECURITY: Coded = Coded { bits: 2, tables: &[0x02, 0x06, 0x20] };
pub(super) const MEMBER_REF_PARENT: Coded = Coded { bits: 3, tables: &[0x02, 0x01, 0x1a, 0x06, 0x1b] };
const HAS_SEMANTICS: Coded = Coded { bits: 1, tables: &[0x14, 0x17] };
const METHOD_DEF_OR_REF: Coded = Coded { bits: 1, tables: &[0x06, 0x0a] };
const MEMBER_FORWARDED: Coded = Coded { bits: 1, tables: &[0x04, 0x06] };
pub(super) const CUSTOM_ATTRIBUTE_TYPE: Coded = Coded { bits: 3, tables: &[NONE, NONE, 0x06, 0x0a] };
pub(super) const RESOLUTION_SCOPE: Coded = Coded { bits: 2, tables: &[0x00, 0x1a, 0x23, 0x01] };

/// The columns of every table up to that of the assembly; where it begins depends on all before it.
const SCHEMA: [&[Column]; 0x21] = [
    &[Fixed(2), String, Guid, Guid, Guid],              // Module
    &[Column::Coded(RESOLUTION_SCOPE), String, String], // TypeRef
    &[Fixed(4), String, String, Column::Coded(TYPE_DEF_OR_REF), Index(4), Index(6)], // TypeDef
    &[Index(4)],                                        // FieldPtr
    &[Fixed(2), String, Blob],                          // Field
    &[Index(6)],                                        // MethodPtr
    &[Fixed(8), String, Blob, Index(8)],                // MethodDef
    &[Index(8)],                                        // ParamPtr
    &[Fixed(4), String],                                // Param
    &[Index(2), Column::Coded(TYPE_DEF_OR_REF)],        // InterfaceImpl
    &[Column::Coded(MEMBER_REF_PARENT), String, Blob],  // MemberRef
    &[Fixed(2), Column::Coded(HAS_CONSTANT), Blob],     // Constant
    &[Column::Coded(HAS_CUSTOM_ATTRIBUTE), Column::Coded(CUSTOM_ATTRIBUTE_TYPE), Blob], // CustomAttribute
    &[Column::Coded(HAS_FIELD_MARSHAL), Blob],          // FieldMarshal
    &[Fixed(2), Column::Coded(HAS_DECL_SECURITY), Blob], // DeclSecurity
    &[Fixed(6), Index(2)],                              // ClassLayout
    &[Fixed(4), Index(4)],                              // FieldLayout
    &[Blob],                                            // StandAloneSig
    &[Index(2), Index(0x14)],                           // EventMap
    &[Index(0x14)],                                     // EventPtr
    &[Fixed(2), String, Column::Coded(TYPE_DEF_OR_REF)], // Event
    &[Index(2), Index(0x17)],                           // PropertyMap
    &[Index(0x17)],                                     // PropertyPtr
    &[Fixed(2), String, Blob],                          // Property
    &[Fixed(2), Index(6), Column::Coded(HAS_SEMANTICS)], // MethodSemantics
    &[Index(2), Column::Coded(METHOD_DEF_OR_REF), Column::Coded(METHOD_DEF_OR_REF)], // MethodImpl
    &[String],                                          // ModuleRef
    &[Blob],                                            // TypeSpec
    &[Fixed(2), Column::Coded(MEMBER_FORWARDED), String, Index(0x1a)], // ImplMap
    &[Fixed(4), Index(4)],                              // FieldRVA
    &[Fixed(8)],                                        // EncLog
    &[Fixed(4)],                                        // EncMap
    &[Fixed(16), Blob, String, String],                 // Assembly
];

/// Metadata whose tables have been found.
#[derive(Debug)]
pub(super) struct Metadata<'a> {
    strings: &'a [u8],
    blobs: &'a [u8],
    /// Rows of each table, one after the other.
    rows: &'a [u8],
    counts: [u32; 64],
    /// Which indexes into heaps are four bytes wide.
    wide_heaps: u8,
}

/// A row that is being read from left to right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    metadata: &'a Metadata<'a>,
    rest: &'a [u8],
}

impl<'a> Metadata<'a> {
    /// Finds the heaps and tables; `None` where something leads outside.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut head = Reader(bytes);
        if head.number(4)? != 0x424a_5342 {
            return None;
        }
        head.take(8)?;
        let version = usize::try_from(head.number(4)?).ok()?;
        head.take(version.checked_next_multiple_of(4)?)?;
        head.take(2)?;
        let (mut strings, mut blobs, mut tables) = (&[][..], &[][..], None);
        for _ in 0..head.number(2)? {
            let (start, size) = (usize::try_from(head.number(4)?).ok()?, usize::try_from(head.number(4)?).ok()?);
            let stream = bytes.get(start..start.checked_add(size)?)?;
            match head.padded_name()? {
                b"#Strings" => strings = stream,
                b"#Blob" => blobs = stream,
                b"#~" | b"#-" => tables = Some(stream),
                _ => {}
            }
        }
        let mut head = Reader(tables?);
        head.take(6)?;
        let wide_heaps = u8::try_from(head.number(1)?).ok()?;
        head.take(1)?;
        let valid = head.wide_number()?;
        head.take(8)?;
        let mut counts = [0; 64];
        for (table, count) in counts.iter_mut().enumerate() {
            if valid >> table & 1 == 1 {
                *count = head.number(4)?;
            }
        }
        if wide_heaps & 0x40 != 0 {
            head.take(4)?;
        }
        Some(Self { strings, blobs, rows: head.0, counts, wide_heaps })
    }

    /// Returns how many rows a table has.
    pub(super) fn count(&self, table: Table) -> u32 {
        self.counts[table.0]
    }

    /// Returns a row, counted from 1.
    pub(super) fn row(&'a self, table: Table, number: u32) -> Option<Row<'a>> {
        if number == 0 || number > self.count(table) {
            return None;
        }
        let before = (0..table.0).try_fold(0_usize, |sum, before| {
            sum.checked_add(usize::try_from(self.counts[before]).ok()?.checked_mul(self.width(Table(before))?)?)
        })?;
        let width = self.width(table)?;
        let start = before.checked_add(usize::try_from(number - 1).ok()?.checked_mul(width)?)?;
        Some(Row { metadata: self, rest: self.rows.get(start..start.checked_add(width)?)? })
    }

    fn width(&self, table: Table) -> Option<usize> {
        Some(SCHEMA.get(table.0)?.iter().map(|column| self.column_width(*column)).sum())
    }

    fn column_width(&self, column: Column) -> usize {
        let heap = |bit: u8| if self.wide_heaps & bit == 0 { 2 } else { 4 };
        match column {
            String => heap(1),
            Guid => heap(2),
            Blob => heap(4),
            Fixed(width) => width,
            Index(table) => index_width(self.counts[table], 0),
            Column::Coded(coded) => {
                let most = coded.tables.iter().map(|table| self.counts[*table]).max().unwrap_or_default();
                index_width(most, coded.bits)
            }
        }
    }
}

/// Two bytes where the count and the bits beside it fit into them, four otherwise.
fn index_width(count: u32, bits: u32) -> usize {
    if count < 1 << (16 - bits) { 2 } else { 4 }
}

impl<'a> Row<'a> {
    /// Reads a number of 1, 2 or 4 bytes.
    pub(super) fn number(&mut self, width: usize) -> Option<u32> {
        let mut reader = Reader(self.rest);
        let number = reader.number(width)?;
        self.rest = reader.0;
        Some(number)
    }

    /// Reads an index into a heap of names, and returns the name.
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let at = usize::try_from(self.number(self.metadata.column_width(String))?).ok()?;
        self.metadata.strings.get(at..)?.split(|byte| *byte == 0).next()
    }

    /// Reads an index into the heap of blobs, and returns the blob.
    pub(super) fn blob(&mut self) -> Option<&'a [u8]> {
        let at = usize::try_from(self.number(self.metadata.column_width(Blob))?).ok()?;
        let mut reader = Reader(self.metadata.blobs.get(at..)?);
        let length = reader.compressed()?;
        reader.take(length)
    }

    /// Reads an index into a table.
    pub(super) fn index(&mut self, table: Table) -> Option<u32> {
        self.number(self.metadata.column_width(Index(table.0)))
    }

    /// Reads an index into one of several tables; `None` in place of the table where the bits name none.
    pub(super) fn coded(&mut self, coded: Coded) -> Option<(Option<Table>, u32)> {
        let value = self.number(self.metadata.column_width(Column::Coded(coded)))?;
        let tag = usize::try_from(value & ((1 << coded.bits) - 1)).ok()?;
        let table = coded.tables.get(tag).filter(|table| **table != NONE).map(|table| Table(*table));
        Some((table, value >> coded.bits))
    }

    /// Leaves out the columns of a type before the list of its methods.
    pub(super) fn type_name(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let (name, namespace) = (self.string()?, self.string()?);
        Some((namespace, name))
    }

    /// Reads the first method of a type, whose name has been read.
    pub(super) fn first_method(&mut self) -> Option<u32> {
        self.coded(TYPE_DEF_OR_REF)?;
        self.index(Table(4))?;
        self.index(Table::METHOD_DEF)
    }
}

/// Bytes that are read from the left.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn number(&mut self, width: usize) -> Option<u32> {
        Some(self.take(width)?.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    fn wide_number(&mut self) -> Option<u64> {
        let (low, high) = (self.number(4)?, self.number(4)?);
        Some(u64::from(high) << 32 | u64::from(low))
    }

    /// Reads a length of one, two or four bytes (II.23.2).
    pub(super) fn compressed(&mut self) -> Option<usize> {
        let first = self.number(1)?;
        let value = if first & 0x80 == 0 {
            first
        } else if first & 0x40 == 0 {
            (first & 0x3f) << 8 | self.number(1)?
        } else {
            let rest = self.take(3)?.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
            (first & 0x1f) << 24 | rest
        };
        usize::try_from(value).ok()
    }

    /// Reads a name that ends in zeros, up to a multiple of four bytes.
    fn padded_name(&mut self) -> Option<&'a [u8]> {
        let length = self.0.iter().take(32).position(|byte| *byte == 0)?;
        let name = self.take((length + 1).next_multiple_of(4))?;
        name.get(..length)
    }
}
