//! What can be wrong with bytes from the wire, and with a message that a version cannot carry.

/// Why bytes are not the message they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end too early.
    #[error("truncated: {needed} more bytes needed, {remaining} remain")]
    Truncated {
        /// What the next field takes.
        needed: usize,
        /// What is left.
        remaining: usize,
    },
    /// A length or count that cannot be.
    #[error("length {length} is impossible with {remaining} bytes remaining")]
    InvalidLength {
        /// What the wire says.
        length: i64,
        /// What is left.
        remaining: usize,
    },
    /// A variable-length integer of more than five (ten) bytes.
    #[error("a variable-length integer is too long")]
    VarintTooLong,
    /// A field that may not be null is.
    #[error("field {field} is null")]
    UnexpectedNull {
        /// The schema's name of the field.
        field: &'static str,
    },
    /// A nullable struct's marker is neither -1 nor 1.
    #[error("presence marker {marker} of a nullable struct")]
    InvalidMarker {
        /// What the wire says.
        marker: i8,
    },
    /// A tagged field's payload is longer than its value.
    #[error("tagged field {tag} has {trailing} bytes after its value")]
    TrailingInTag {
        /// The tag.
        tag: u32,
        /// The bytes left over.
        trailing: usize,
    },
    /// Tags do not ascend.
    #[error("tagged field {tag} follows tag {previous}")]
    TagOrder {
        /// The tag.
        tag: u32,
        /// The tag before it.
        previous: u32,
    },
    /// The message has no such version.
    #[error("{message} has no version {version}")]
    UnsupportedVersion {
        /// The message's name.
        message: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// A record of the metadata log of a type that we do not know.
    #[error("unknown record type {api_key}")]
    UnknownRecordType {
        /// The type's number.
        api_key: i16,
    },
}

/// Why a message cannot be written at a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A field holds a value, and the version has no place for it.
    #[error("{message}.{field} cannot be written at version {version}")]
    FieldNotInVersion {
        /// The struct's name.
        message: &'static str,
        /// The field's name.
        field: &'static str,
        /// The version.
        version: i16,
    },
    /// A field is null where the version does not allow it.
    #[error("{message}.{field} is null, which version {version} cannot carry")]
    Null {
        /// The message's name.
        message: &'static str,
        /// The field's name.
        field: &'static str,
        /// The version.
        version: i16,
    },
    /// A text longer than a plain string's 32767 bytes.
    #[error("a string of {bytes} bytes does not fit")]
    StringTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The message has no such version.
    #[error("{message} has no version {version}")]
    UnsupportedVersion {
        /// The message's name.
        message: &'static str,
        /// The version asked for.
        version: i16,
    },
}
