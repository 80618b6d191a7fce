"""Settings that people change while the platform runs: kill switches and weights, each kept as versioned rows."""

from marketplace.settings.set_setting import SettingChangedMeanwhile, setting_history
from marketplace.settings.switches import (
    Switch,
    SwitchChange,
    Switches,
    UnknownSwitch,
    last_changes,
    read_switches,
    set_switch,
    switch_log,
)
from marketplace.settings.versions import SettingVersion
from marketplace.settings.weights import read_weights, set_weights

__all__ = [
    "SettingChangedMeanwhile",
    "SettingVersion",
    "Switch",
    "SwitchChange",
    "Switches",
    "UnknownSwitch",
    "last_changes",
    "read_switches",
    "read_weights",
    "set_switch",
    "set_weights",
    "setting_history",
    "switch_log",
]
