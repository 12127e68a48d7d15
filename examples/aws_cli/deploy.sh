#!/usr/bin/env bash
# A new release: code that is published as a version, and the alias moved to it.
set -euo pipefail
cd "$(dirname "$0")"
name=${FUNCTION:-orders-cli}

python3 -m zipfile -c orders.zip handler.py release.txt
version=$(aws lambda update-function-code --function-name "$name" --zip-file fileb://orders.zip \
  --publish --query Version --output text)
aws lambda wait published-version-active --function-name "$name" --qualifier "$version"
aws lambda update-alias --function-name "$name" --name live --function-version "$version" > /dev/null
echo "live is version $version"
