#!/usr/bin/env bash
# The steps of a managed service provider for a new customer, as on the vendor's page: an access token, a filespace over
# HTTP, then the client: initialize, link, users, snapshots, cache, mount point. run.sh runs it with
#   TOKEN_ENDPOINT, API_ENDPOINT, CLIENT_ID, CLIENT_SECRET, CUSTOMER, and lucid on the PATH.
set -euo pipefail

fail() {
    echo "provider: $*" >&2
    exit 1
}
expect() { # expect WHAT GOT WANTED
    [ "$2" = "$3" ] || fail "$1 is '$2', not '$3'"
}

credentials=$(printf '%s' "$CLIENT_ID:$CLIENT_SECRET" | base64 -w 0)
token=$(curl "$TOKEN_ENDPOINT" --http1.0 -X POST -s \
    -H 'Content-Type: application/x-www-form-urlencoded' -H "Authorization: Basic $credentials" \
    -d 'grant_type=client_credentials' | jq -r .access_token)
[ "$token" != null ] || fail 'there is no access token'

# call METHOD PATH [BODY] sets $body and $status to those of the response.
body='' status=''
call() {
    local answer
    answer=$(curl -s -X "$1" -H "Authorization: $token" -H 'Content-Type: application/json' -w '\n%{http_code}' \
        ${3:+-d "$3"} "$API_ENDPOINT/$2")
    status=${answer##*$'\n'} body=${answer%$'\n'*}
}
member() { jq -r "$1" <<<"$body"; }

call GET domains
expect 'the status of the list of domains' "$status" 200
domain=$(member '.[0].id') domain_name=$(member '.[0].name')

call POST filespaces "{\"domain\":\"$domain\",\"name\":\"$CUSTOMER\",\"storage\":{\"customer\":\"x\",\"provider\":\"AWS\",\"region\":\"eu-west-1\"}}"
expect 'the status of the new filespace' "$status" 201
expect 'the state of the new filespace' "$(member .status)" provisioning
id=$(member .id)

# A name in use is refused, and so is the deletion of a filespace that is being provisioned.
call POST filespaces "{\"domain\":\"$domain\",\"name\":\"$CUSTOMER\",\"storage\":{\"provider\":\"AWS\",\"region\":\"eu-west-1\"}}"
expect 'the status of the second filespace of that name' "$status" 409

for _ in $(seq 600); do
    call GET "filespaces/$id"
    [ "$(member .status)" != provisioning ] && break
    sleep 0.05
done
expect 'the state of the filespace' "$(member .status)" provisioned

fs=$CUSTOMER.$domain_name
if lucid link --fs "$fs" --user root --password secret 2>/dev/null; then fail 'a filespace was linked before its initialisation'; fi
lucid init-s3 --fs "$fs" --password secret --https --endpoint s3.eu-west-1.amazonaws.com:443 --access-key AKIAEXAMPLE \
    --secret-key example --region eu-west-1 --block-size 256 --provider AWS
call GET "filespaces/$id"
expect 'the state of the filespace' "$(member .status)" initialized

lucid link --fs "$fs" --user root --password secret
lucid status | grep -qx "Filespace name: $fs" || fail 'status does not name the filespace'
lucid status | grep -qx "Mount point: /media/$domain_name/$CUSTOMER" || fail 'status does not name the mount point'

lucid user --create alice --password secret
lucid user --create bob --password secret --user-password bobs --user-email bob@example.org
if lucid user --create carol --password wrong 2>/dev/null; then fail 'a wrong password made a user'; fi
expect 'the number of users' "$(lucid user --list | sed 1d | wc -l)" 3
call GET "filespaces?qualifiedName=$fs"
expect 'usersCount' "$(member '.[0].usersCount')" 2

expect 'the answer to a snapshot' "$(lucid snapshot --create before the migration --password secret)" 'Snapshot with ID 1 created.'
lucid snapshot --create daily --password secret
lucid snapshot --list | awk 'NR > 1 { print $1, $2 }' | diff - <(printf '1 valid\n2 valid\n') || fail 'the snapshots are not listed'
lucid snapshot --delete 1 --password secret

lucid cache --off
lucid cache --on --size 1024
lucid cache | grep -qx 'Size: 1024 MiB' || fail 'the cache has another size'

lucid unmount
lucid status | grep -qx 'Mount point: not mounted' || fail 'it is still mounted'
lucid mount --mount-point "/srv/$CUSTOMER"
lucid status | grep -qx "Mount point: /srv/$CUSTOMER" || fail 'it is mounted elsewhere'
lucid unlink
lucid status | grep -qx 'Client state: Unlinked' || fail 'it is still linked'

call GET billing/current-period
expect 'the status of the billing period' "$status" 200
expect 'the filespace in the breakdown' "$(member '.filespaceBreakdown[] | select(.filespace == "'"$id"'") | .name')" "$CUSTOMER"

call DELETE "filespaces/$id"
expect 'the status of the deletion' "$status" 204
call GET "filespaces/$id"
expect 'the status of the deleted filespace' "$status" 404
expect 'the message about the deleted filespace' "$(member .message)" 'Filespace not found.'
echo "provider: the customer $CUSTOMER came and went"
