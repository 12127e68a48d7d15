#!/usr/bin/env bash
# Once: a role, the function with a first version, the alias, and a Function URL on the alias.
set -euo pipefail
cd "$(dirname "$0")"
name=${FUNCTION:-orders-cli}
trust='{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]}'

role=$(aws iam create-role --role-name "$name" --assume-role-policy-document "$trust" \
  --query Role.Arn --output text)
aws iam attach-role-policy --role-name "$name" \
  --policy-arn arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole
[ -n "${AWS_ENDPOINT_URL:-}" ] || sleep 10 # until Lambda may assume a new role

python3 -m zipfile -c orders.zip handler.py release.txt
aws lambda create-function --function-name "$name" --runtime python3.11 --role "$role" \
  --handler handler.lambda_handler --zip-file fileb://orders.zip --publish > /dev/null
aws lambda wait published-version-active --function-name "$name" --qualifier 1
aws lambda create-alias --function-name "$name" --name live --function-version 1 > /dev/null
# Whoever calls a Function URL without a signature needs both permissions.
aws lambda add-permission --function-name "$name" --qualifier live --statement-id url \
  --action lambda:InvokeFunctionUrl --principal '*' --function-url-auth-type NONE > /dev/null
aws lambda add-permission --function-name "$name" --qualifier live --statement-id invoke \
  --action lambda:InvokeFunction --principal '*' --invoked-via-function-url > /dev/null
aws lambda create-function-url-config --function-name "$name" --qualifier live --auth-type NONE \
  --query FunctionUrl --output text
