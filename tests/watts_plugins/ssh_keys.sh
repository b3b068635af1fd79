#!/bin/sh
# Keeps public keys in a file, one a line, with the state as the comment. It reads JSON with sed, as such plugins do:
# that works because a host writes it on one line.
set -eu

text() { # the text of a key that stands once in the input
    printf '%s' "$input" | sed -n "s/.*\"$1\":\"\\([^\"]*\\)\".*/\\1/p" | sed 's,\\/,/,g'
}

refuse() { # a message for the user, and one for the log
    printf '{"result":"error","user_msg":"%s","log_msg":"%s"}' "$1" "$2"
    exit 1
}

encoded=${1-$(cat)}
while [ $((${#encoded} % 4)) -ne 0 ]; do encoded="$encoded="; done
input=$(printf '%s' "$encoded" | tr -- '-_' '+/' | base64 -d)

case $(text action) in
parameter)
    cat <<'END'
{
    "result": "ok",
    "version": "1.0.0",
    "conf_params": [
        {"name": "state_prefix", "type": "string", "default": "KEYS_"},
        {"name": "key_file", "type": "string", "default": ""}
    ],
    "request_params": [
        [{"key": "pub_key", "name": "public key", "description": "the key to upload", "type": "textarea",
          "mandatory": true}]
    ],
    "features": {"stdin": true}
}
END
    ;;
request)
    file=$(text key_file)
    [ -n "$file" ] || refuse "The service is not set up." "key_file is not configured"
    key=$(text pub_key)
    case $key in
    ssh-*' '?*) ;;
    *) refuse "This is no public key." "somebody sent something else than a key" ;;
    esac
    state=$(text state_prefix)$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    set -- $key
    printf '%s %s %s\n' "$1" "$2" "$state" >> "$file"
    printf '{"result":"ok","credential":[{"name":"user","type":"text","value":"%s"}],"state":"%s"}' \
        "$(id -un)" "$state"
    ;;
revoke)
    file=$(text key_file)
    grep -v " $(text cred_state)\$" "$file" > "$file.new" || true
    mv "$file.new" "$file"
    echo '{"result":"ok"}'
    ;;
*) refuse "The service had an error." "unknown action" ;;
esac
