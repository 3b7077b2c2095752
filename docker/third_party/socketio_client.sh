#!/usr/bin/env bash
# socket.io-client's file for browsers, which relevo serves to the pages that embed the widget.
source "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"

build() {
  npm_source socket.io-client@4.8.4 \
    'sha512-7wjKAvVXYOJsbmUgkWbnhPD4bFpkqrUR0++XOjpGFmqDqsqV1CI93VTraeExLxpjxEqrWgFoSRZu1ihjLWfkAA=='
  install -Dm644 -t "$DESTDIR$1" package/dist/socket.io.min.js
}

recipe socket.io-client 4.8.4
