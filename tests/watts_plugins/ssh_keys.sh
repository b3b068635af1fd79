#!/bin/sh
# Keeps public keys in a file, one a line, with the state as the comment. It reads JSON by its first "key":"text", as
# such plugins do: that works because a host writes it on one line, and what is entered behind what is configured.
set -euf

text() { # the text of a key in the input; nothing where there is none
    rest=${input#*"\"$1\":\""}
    [ "$rest" != "$input" ] || return 0
    printf '%s' "${rest%%\"*}" | sed 's,\\/,/,g'
}

refuse() { # a message for the user, and one for the log
    printf '{"result":"error","user_msg":"%s","log_msg":"%s"}' "$1" "$2"
    exit 1
}

configured() { # the file of keys, which nobody else changes meanwhile
    file=$(text key_file)
    [ -n "$file" ] || refuse "The service is not set up." "key_file is not configured"
    exec 9>> "$file.lock"
    flock 9
}

encoded=$(printf '%s' "${1-$(cat)}" | tr -d '=\n')
while [ $((${#encoded} % 4)) -ne 0 ]; do encoded="$encoded="; done
input=$(printf '%s' "$encoded" | tr -- '-_' '+/' | base64 -d 2> /dev/null) || refuse "The service had an error." "no input"

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
    configured
    # A comment is left out: the state stands there.
    set -- $(text pub_key)
    case ${1-} in ssh-* | ecdsa-*) kind=$1 ;; *) kind= ;; esac
    case ${2-} in '' | *[!A-Za-z0-9+/=]*) kind= ;; esac
    [ -n "$kind" ] || refuse "This is not a public key." "somebody sent something else than a key"
    state=$(text state_prefix)$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    printf '%s %s %s\n' "$kind" "$2" "$state" >> "$file"
    printf '{"result":"ok","credential":[{"name":"user","type":"text","value":"%s"}],"state":"%s"}' \
        "$(id -un)" "$state"
    ;;
revoke)
    configured
    if [ -e "$file" ]; then
        # As a text and as a whole: a state is not a pattern.
        state=$(text cred_state) awk '($3 "") != ENVIRON["state"] || NF != 3' "$file" > "$file.new"
        mv "$file.new" "$file"
    fi
    echo '{"result":"ok"}'
    ;;
*) refuse "The service had an error." "unknown action" ;;
esac
