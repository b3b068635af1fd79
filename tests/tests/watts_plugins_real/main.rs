//! Plugins that were written for WaTTS itself, by others: through the plugin `process`, through a host's
//! `Grants`, and through the conformance suite, whose findings `docs/real-plugins.md` lists.
//!
//! Their code is not part of this project. Whoever has clones of their repositories names the folder that
//! holds them, and runs this test:
//!
//! ```text
//! git clone https://github.com/indigo-dc/tts                    plugins/tts
//! git clone https://github.com/indigo-dc/tts_plugin_info        plugins/tts_plugin_info
//! git clone https://github.com/indigo-dc/tts_plugin_ssh         plugins/tts_plugin_ssh
//! git clone https://github.com/indigo-dc/tts_plugin_ca          plugins/tts_plugin_ca
//! git clone https://github.com/indigo-dc/tts_plugin_opennebula  plugins/tts_plugin_opennebula
//! git clone https://github.com/watts-kit/watts_plugin_ssh-ca    plugins/watts_plugin_ssh-ca
//! KEYWAY_WATTS_PLUGINS=$PWD/plugins cargo nextest run -p keyway-tests --test watts_plugins_real
//! ```
//!
//! Clones without a work tree do as well (`NAME.git`), and so does a folder `OWNER+NAME/repo`. With the
//! variable set, whatever is missing fails the test; without it, the tests say in one line that they did
//! nothing. They are not among the services that `--require-services` requires: no package registry has them.
//!
//! All but the last are written in Python 2. They are converted, into a temporary folder, by the `lib2to3` of
//! the machine's Python (3.12 is the last that has it), and two lines of each are mended that 2to3 cannot see:
//! base64 is bytes in Python 3, and JSON is text. Besides Python the test needs openssl and ssh-keygen.

mod clones;
mod documented;
mod grants;
mod opennebula;
mod plugins;
mod suite;
mod through_process;
