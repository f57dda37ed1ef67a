"""Logs in at a Vault, reads, writes and lists a secret, renews and revokes; prints what it saw as JSON."""

import json
import sys

import hvac

address, role, namespace = sys.argv[1:4]
client = hvac.Client(url=address, namespace=namespace or None)
seen = {}
try:
    login = client.auth.jwt.jwt_login(role=role, jwt=sys.stdin.read().strip())
    seen["policies"] = login["auth"]["policies"]
    client.token = login["auth"]["client_token"]
    kv = client.secrets.kv.v2
    seen["read"] = kv.read_secret_version("payments/db", raise_on_deleted_version=True)["data"]["data"]
    kv.create_or_update_secret("payments/new", {"by": "hvac"})
    seen["list"] = kv.list_secrets("payments")["data"]["keys"]
    try:
        kv.read_secret_version("other/db", raise_on_deleted_version=True)
    except hvac.exceptions.Forbidden as error:
        seen["forbidden"] = str(error)
    seen["renewed"] = client.auth.token.renew_self(increment="2m")["auth"]["lease_duration"]
    seen["display_name"] = client.auth.token.lookup_self()["data"]["display_name"]
    client.auth.token.revoke_self()
    seen["after"] = client.is_authenticated()
except hvac.exceptions.VaultError as error:
    seen["error"] = [type(error).__name__, str(error)]
print(json.dumps(seen))
