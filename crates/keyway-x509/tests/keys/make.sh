#!/bin/sh
# Makes the keys of this folder with OpenSSL 3. They protect nothing.
set -eu
cd "$(dirname "$0")"

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out p256.pem
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out p384.pem
openssl genpkey -algorithm ED25519 -out ed25519.pem
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa2048.pem
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out refused-rsa1024.pem
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out refused-p521.pem
openssl ec -in p256.pem -out refused-sec1.pem

# encrypt NAME OPTIONS: the key of P-256 under a passphrase
encrypt() {
    name=$1
    shift
    openssl pkcs8 -topk8 -in p256.pem -passout 'pass:pass word' -out "$name.pem" "$@"
}
encrypt encrypted
encrypt encrypted-aes128 -v2 aes-128-cbc -v2prf hmacWithSHA512
encrypt encrypted-scrypt -scrypt -scrypt_N 1024
encrypt refused-des3 -v2 des3
encrypt refused-costly -iter 2000001
encrypt refused-costly-scrypt -scrypt -scrypt_p 8
