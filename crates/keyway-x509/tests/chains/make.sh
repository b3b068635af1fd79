#!/bin/sh
# Makes the chains of this folder with OpenSSL 3, which `rcgen` cannot make. The keys are thrown away.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# issue NAME ISSUER EXTENSIONS [OPTIONS]: signs NAME by ISSUER; without extensions it has version 1.
issue() {
    name=$1 issuer=$2 extensions=$3
    shift 3
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/$name.key" 2>/dev/null
    openssl req -new -key "$work/$name.key" -subj "/CN=$name" -out "$work/$name.csr" -batch
    set -- -req -in "$work/$name.csr" -days 36500 -out "$name.pem" "$@"
    if [ -n "$extensions" ]; then
        echo "$extensions" | tr ';' '\n' >"$work/extensions"
        set -- "$@" -extfile "$work/extensions"
    fi
    if [ "$issuer" = "$name" ]; then
        openssl x509 "$@" -key "$work/$name.key" 2>/dev/null
    else
        openssl x509 "$@" -CA "$issuer.pem" -CAkey "$work/$issuer.key" -CAcreateserial -CAserial "$work/$issuer.srl" 2>/dev/null
    fi
}

issue old-root old-root ''
issue old-leaf old-root ''
issue leaf-of-old-root old-root 'subjectAltName=DNS:a.example.com'
issue root root 'basicConstraints=critical,CA:TRUE'
issue sha1-leaf root 'subjectAltName=DNS:a.example.com' -sha1
issue odd-leaf root 'subjectAltName=DNS:a.example.com;1.2.3.4=critical,ASN1:NULL'
