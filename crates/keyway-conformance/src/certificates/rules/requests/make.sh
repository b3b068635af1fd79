#!/bin/sh
# Makes the requests of this folder with OpenSSL 3. The keys are thrown away.
set -eu
cd "$(dirname "$0")"
key=$(mktemp)
trap 'rm -f "$key"' EXIT

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$key"
openssl req -new -key "$key" -out authority.pem -batch -subj '/CN=kit.example.com' \
    -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign'
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out "$key"
openssl req -new -key "$key" -out rsa-1024.pem -batch -subj '/CN=kit.example.com' \
    -addext 'subjectAltName=DNS:kit.example.com'
