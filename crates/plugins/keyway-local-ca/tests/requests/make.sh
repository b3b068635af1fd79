#!/bin/sh
# Makes the requests of this folder with OpenSSL 3. The keys are thrown away.
set -eu
cd "$(dirname "$0")"
key=$(mktemp)
trap 'rm -f "$key"' EXIT

# request NAME REQ-ARGUMENTS
request() {
    name=$1
    shift
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$key"
    openssl req -new -key "$key" -out "$name.pem" -batch "$@"
}

request door -subj '/O=Example/CN=door.example.com' -addext 'subjectAltName=DNS:door.example.com,DNS:*.door.example.com'
request authority -subj '/CN=authority' -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign'
request authority-usage -subj '/CN=a' -addext 'keyUsage=critical,keyCertSign'
request other-name -subj '/CN=a' -addext 'subjectAltName=otherName:1.2.3.4;UTF8:a'
request unknown-extension -subj '/CN=a' -addext '1.2.3.4=ASN1:NULL'
request other-purpose -subj '/CN=a' -addext 'extendedKeyUsage=codeSigning'
request client-only -subj '/CN=a' -addext 'extendedKeyUsage=clientAuth' -addext 'keyUsage=digitalSignature'
request nameless -subj '/'
