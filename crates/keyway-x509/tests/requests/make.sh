#!/bin/sh
# Makes the requests of this folder with OpenSSL 3. The keys are thrown away.
set -eu
cd "$(dirname "$0")"
key=$(mktemp)
trap 'rm -f "$key"' EXIT

# request NAME GENPKEY-ARGUMENTS -- REQ-ARGUMENTS
request() {
    name=$1
    shift
    arguments=
    while [ "$1" != -- ]; do
        arguments="$arguments $1"
        shift
    done
    shift
    # shellcheck disable=SC2086 -- the arguments have no blanks
    openssl genpkey $arguments -out "$key"
    openssl req -new -key "$key" -out "$name.pem" -batch "$@"
}

names='subjectAltName=DNS:www.Example.com,DNS:*.example.com,IP:192.0.2.1,IP:2001:db8::1,email:Ada@Example.com,URI:spiffe://example.com/a'
p256='-algorithm EC -pkeyopt ec_paramgen_curve:P-256'
# shellcheck disable=SC2086
{
    request p256 $p256 -- -subj '/O=Example/CN=www.example.com' -addext "$names"
    request p384 -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -- -subj '/CN=p384' -sha384
    request ed25519 -algorithm ED25519 -- -subj '/CN=ed25519'
    request rsa2048 -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -- -subj '/CN=rsa2048' -sha256
    request rsa2048-sha384 -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -- -subj '/CN=rsa2048' -sha384
    request rsa3072-sha512 -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -- -subj '/CN=rsa3072' -sha512
    request rsa4096 -algorithm RSA -pkeyopt rsa_keygen_bits:4096 -- -subj '/CN=rsa4096'
    request authority $p256 -- -subj '/CN=authority' -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign'
    request empty-subject $p256 -- -subj '/' -addext 'subjectAltName=DNS:a.example.com'
    request other-name $p256 -- -subj '/CN=a' -addext 'subjectAltName=otherName:1.2.3.4;UTF8:a,RID:1.2.3.4'
    request refused-dns-name $p256 -- -subj '/CN=a' -addext 'subjectAltName=DNS:a b.example.com'
    request refused-rsa1024 -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -- -subj '/CN=rsa1024'
    request refused-rsa8192 -algorithm RSA -pkeyopt rsa_keygen_bits:8192 -- -subj '/CN=rsa8192'
    request refused-sha1 -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -- -subj '/CN=sha1' -sha1
    request refused-p256-sha512 $p256 -- -subj '/CN=a' -sha512
    request refused-p521 -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -- -subj '/CN=p521'
    request refused-secp256k1 -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1 -- -subj '/CN=k1'
    request refused-ed448 -algorithm ED448 -- -subj '/CN=ed448'
    request refused-rsa-pss -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -- -subj '/CN=pss'
}
