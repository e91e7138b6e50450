#!/usr/bin/env bash
# Removes a deployment from a Docker Swarm, and nothing else: its services, network, configs, secrets and nodes' labels.
#
# usage: swarm/teardown.sh [--name NAME] [--volumes] [--wait SECONDS]
#
#   --name NAME      the deployment (skysieve)
#   --volumes        also empty the volumes with topics and compiled filters, on the nodes where they are in use now. On
#                    other nodes than this one the empty volumes remain, because a Swarm can't remove them:
#                    docker volume prune
#   --wait SECONDS   how long to wait until all is gone (120)
#
# Without --volumes, deploying again goes on with the topics that are there.
#
# examples: swarm/teardown.sh
#           swarm/teardown.sh --name test --volumes
set -euo pipefail

me=teardown
. "$(dirname "$0")/common.sh"

name=skysieve volumes="" wait=120
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit ;;
    --volumes) volumes=1; shift ;;
    --name) takes_value "$1" $#; name=$2; shift 2 ;;
    --wait) takes_value "$1" $#; wait=$2; shift 2 ;;
    *) wrong "there is no option $1" ;;
  esac
done
check_name "$name"
[[ $wait =~ ^[0-9]+$ ]] || wrong "--wait takes a number of seconds"
need_manager
deadline=$((SECONDS + wait))

# until_gone WHAT COMMAND...: repeats the command until it prints nothing.
until_gone() {
  local left what=$1; shift
  while left=$("$@"); [ -n "$left" ]; do
    [ $SECONDS -lt $deadline ] || die "$what still there: $left"
    sleep 0.5
  done
}

# Removes the services that talk to brokers, and waits until their containers have ended: brokers go last, so that hosts can
# publish and commit what they have read. `docker service rm` does not wait, and leaves no service that could be asked, but
# tasks can still be found by their ids. Those on a node that is down would never end.
stop_clients() {
  local role services=() tasks=() left until
  for role in producer monitor host mirrormaker; do
    mapfile -t -O ${#services[@]} services < <(docker service ls -q --filter "label=$label=$name" --filter "label=org.skysieve.role=$role")
  done
  [ ${#services[@]} -gt 0 ] || return 0
  mapfile -t tasks < <(docker service ps -q --no-trunc --filter desired-state=running "${services[@]}")
  docker service rm "${services[@]}" >/dev/null
  until=$((SECONDS + 45)) # they are killed after 30 s
  [ $until -lt $deadline ] || until=$deadline
  while left=$(running ${tasks[@]+"${tasks[@]}"}); [ -n "$left" ]; do
    if [ $SECONDS -ge $until ]; then say "these tasks have not ended, and lose their brokers now: ${left//$'\n'/ }"; break; fi
    sleep 0.5
  done
}

# running TASK...: prints those of the tasks that have not ended and whose nodes are up.
running() {
  [ $# -gt 0 ] || return 0
  { docker inspect --type task "$@" 2>/dev/null || true; } | jq -r --arg up "$(docker node ls --format '{{.ID}} {{.Status}}')" '
    ($up | [scan("(\\S+) Ready")[]]) as $up | .[] |
    select((.NodeID | IN($up[])) and (.Status.State | IN("assigned", "accepted", "preparing", "ready", "starting", "running"))) | .ID'
}

ids() { docker "$1" ls -q --filter "label=$label=$name"; }
remove() { ids "$1" | xargs -r docker "$1" rm >/dev/null; }

# The network goes when no task uses it any more. Containers that others attached to it are theirs to remove.
network() {
  local id; id=$(ids network)
  [ -z "$id" ] || docker network rm "$id" >/dev/null 2>&1 || true
  ids network
}

# Prints "VOLUME NODE IMAGE" for each volume in use.
volumes_in_use() {
  inspect_services | jq -r '.tasks as $all | .services[] | .ID as $id | .Spec as $spec | $spec.TaskTemplate.ContainerSpec as $c |
    ($c.Mounts // [])[] | select(.Type == "volume") | .Source as $volume |
    $all[] | select(.ServiceID == $id and .DesiredState == "running") | "\($volume) \(.NodeID) \($c.Image)"'
}

# Empties volumes, each by a task on its node.
empty() {
  local volume node image services=() mine=() this; this=$(docker info --format '{{.Swarm.NodeID}}')
  while read -r volume node image; do
    say "emptying $volume on node $node"
    docker service create --detach --no-resolve-image --quiet --name "$volume-teardown" --label "$label=$name" \
      --constraint "node.id == $node" --restart-condition none --user 0 --no-healthcheck --entrypoint sh \
      --mount "type=volume,source=$volume,target=/volume" "$image" -c 'rm -rf /volume/* /volume/.[!.]*' >/dev/null
    services+=("$volume-teardown")
    if [ "$node" = "$this" ]; then mine+=("$volume"); fi
  done
  await "$wait" ${services[@]+"${services[@]}"}
  remove service
  for volume in ${mine[@]+"${mine[@]}"}; do until_gone "the volume is" remove_volume "$volume"; done
}

# A volume can be removed once the engine has removed the container that used it.
remove_volume() {
  docker volume rm "$1" >/dev/null 2>&1 || true
  docker volume ls -q --filter "name=^$1\$"
}

anything="$(ids service)$(ids network)$(ids config)$(ids secret)$(node_labels)"
[ -n "$anything" ] || { say "there is no deployment $name"; exit; }
list=""; [ -z "$volumes" ] || list=$(volumes_in_use)
stop_clients
remove service
until_gone "services are" ids service
until_gone "the network is" network
[ -z "$list" ] || empty <<<"$list"
remove config
remove secret
node_labels | while read -r id key _; do docker node update --label-rm "$key" "$id" >/dev/null; done
say "the deployment $name is removed"
[ -n "$volumes" ] || say "volumes with its topics remain on the nodes: docker volume ls --filter label=$label=$name"
