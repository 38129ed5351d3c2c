//! Elements of a feature map in another arrangement.

use super::ParameterError;

/// What a channel of a selection holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pick {
    /// The channel that is read; none for zeros.
    pub from: Option<usize>,
    /// What its elements are multiplied by.
    pub factor: f32,
    /// What is then added.
    pub offset: f32,
}

/// Channels, rows and columns of a feature map: some of them, in any order, zeros between them, and
/// each channel times a number plus a number. Slices, paddings, parts of a concatenation,
/// normalisations and shifted windows are all of this kind.
///
/// Element `(c, y, x)` of the result is
/// `factor[c] * source[channel[c], row[y], column[x]] + offset[c]`, where an element that is not
/// there is zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    channels: Vec<Pick>,
    rows: Vec<Option<usize>>,
    columns: Vec<Option<usize>>,
}

impl Pick {
    /// A channel as it is.
    #[must_use]
    pub const fn channel(from: usize) -> Self {
        Self { from: Some(from), factor: 1.0, offset: 0.0 }
    }
}

impl Selection {
    /// Every element where it is, of so many channels, rows and columns.
    #[must_use]
    pub fn everything([channels, rows, columns]: [usize; 3]) -> Self {
        Self {
            channels: (0..channels).map(Pick::channel).collect(),
            rows: (0..rows).map(Some).collect(),
            columns: (0..columns).map(Some).collect(),
        }
    }

    /// These channels.
    ///
    /// # Errors
    /// [`ParameterError::NotFinite`] when a number is not finite.
    pub fn with_channels(mut self, channels: Vec<Pick>) -> Result<Self, ParameterError> {
        let finite = |pick: &Pick| pick.factor.is_finite() && pick.offset.is_finite();
        if !channels.iter().all(finite) {
            return Err(ParameterError::NotFinite { what: "factors" });
        }
        self.channels = channels;
        Ok(self)
    }

    /// These rows; none are zeros.
    #[must_use]
    pub fn with_rows(mut self, rows: Vec<Option<usize>>) -> Self {
        self.rows = rows;
        self
    }

    /// These columns; none are zeros.
    #[must_use]
    pub fn with_columns(mut self, columns: Vec<Option<usize>>) -> Self {
        self.columns = columns;
        self
    }

    /// The channels of the result.
    #[must_use]
    pub fn channels(&self) -> &[Pick] {
        &self.channels
    }

    /// The row that each row of the result is read from.
    #[must_use]
    pub fn rows(&self) -> &[Option<usize>] {
        &self.rows
    }

    /// The column that each column of the result is read from.
    #[must_use]
    pub fn columns(&self) -> &[Option<usize>] {
        &self.columns
    }

    /// Whether everything that it reads is there in a feature map with so many channels, rows and
    /// columns.
    #[must_use]
    pub fn fits(&self, [channels, rows, columns]: [usize; 3]) -> bool {
        let within = |at: &Option<usize>, most: usize| at.is_none_or(|at| at < most);
        self.channels.iter().all(|pick| within(&pick.from, channels))
            && self.rows.iter().all(|row| within(row, rows))
            && self.columns.iter().all(|column| within(column, columns))
    }
}
