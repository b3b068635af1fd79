//! Tests plugins that other people wrote for WaTTS itself: through the plugin `process`, through a host's `Grants`, and
//! through the conformance suite, whose findings `docs/real-plugins.md` lists.
//!
//! Their code is not part of this project. To run this test, clone their repositories and name the folder of the
//! clones:
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
//! Clones without a work tree work, too (`NAME.git`), and so does a folder `OWNER+NAME/repo`. With the variable set, a
//! missing clone fails the test; without it, the tests report in one line that they did nothing. The clones are not
//! among the services of `--require-services`, since no package registry has them.
//!
//! All plugins but the last are written in Python 2. They are converted, in a temporary folder, by the `lib2to3` of the
//! machine's Python (3.12 is the last with it). In each of them, two lines are changed that `lib2to3` does not convert:
//! base64 is bytes in Python 3, and JSON is text. Besides Python the test needs openssl and ssh-keygen.

mod clones;
mod documented;
mod grants;
mod opennebula;
mod plugins;
mod suite;
mod through_process;
