//! Rotation of key material.

use serde::{Deserialize, Serialize};

use crate::{Timestamp, open_enum::open_enum};

/// Source: `kms:GetKeyRotationStatus`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationStatus {
    /// `KeyRotationEnabled`: whether KMS rotates the key by itself.
    pub enabled: bool,
    /// `RotationPeriodInDays`: 90 to 2560, where automatic rotation is on.
    pub period_days: Option<i32>,
    /// `NextRotationDate`
    pub next_at: Option<Timestamp>,
    /// `OnDemandRotationStartDate`: an on-demand rotation that is under way.
    pub on_demand_started_at: Option<Timestamp>,
}

open_enum! {
    /// `RotationsListEntry.RotationType`
    RotationType {
        Automatic = "AUTOMATIC",
        OnDemand = "ON_DEMAND",
    }
}

/// One completed rotation. Source: `kms:ListKeyRotations`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// `RotationDate`
    pub rotated_at: Option<Timestamp>,
    /// `RotationType`
    pub rotation_type: Option<RotationType>,
    /// `KeyMaterialId`
    pub key_material_id: Option<String>,
}
