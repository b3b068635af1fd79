#!/bin/sh
# Makes the authorities of this folder with OpenSSL 3. The key of rsa.pem protects nothing; the root's is thrown away.
set -eu
cd "$(dirname "$0")"
root=$(mktemp)
request=$(mktemp)
extensions=$(mktemp)
trap 'rm -f "$root" "$request" "$extensions"' EXIT

openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$root"
openssl req -x509 -new -key "$root" -subj '/CN=Old Root' -days 36500 -out root.pem \
    -addext 'keyUsage=critical,keyCertSign,cRLSign'
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa-key.pem
openssl req -new -key rsa-key.pem -subj '/CN=RSA Authority' -out "$request"

# issue NAME EXTENSIONS: signs a certificate for the key
issue() {
    echo "$2" | tr ';' '\n' >"$extensions"
    openssl x509 -req -in "$request" -CA root.pem -CAkey "$root" -days 36500 -extfile "$extensions" -out "$1.pem"
}
issue rsa 'basicConstraints=critical,CA:TRUE,pathlen:0;keyUsage=critical,keyCertSign,cRLSign;subjectKeyIdentifier=hash;authorityKeyIdentifier=keyid'
issue rsa-leaf 'subjectAltName=DNS:a.example.com'
