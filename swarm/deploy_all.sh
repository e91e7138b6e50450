#!/usr/bin/env bash
# Deploys Skysieve on a Docker Swarm: a hub, mirrors and hosts on filter nodes, monitors and producers.
#
# usage: swarm/deploy_all.sh --filters DIR [OPTIONS]
#
#   --nodes DIR            the folder of filternodes.txt, consumernodes.txt and sendernodes.txt, which have a node's id (or
#                          its beginning, or a hostname) on each line, and comments after # (default: this folder)
#   --filters DIR          filters: NAME.wasm and, beside it, NAME.toml; if there are fewer than the nodes need, they are
#                          used in turn. They are called Filter001, Filter002, …
#   --filters-on-nodes PATH  hosts read the modules from this folder of their nodes, in which there is a copy of --filters DIR.
#                          A module may then have 500 KB and more, for which a Swarm's configs are too small
#   --filters-per-node N   filters on each filter node (20)
#   --name NAME            the deployment's name (skysieve)
#   --topic TOPIC          the topic of alerts (alerts), with --partitions N (1)
#   --spare NODE           a node that takes over from a filter node that is down, when swarm/spare.sh finds it so; may be
#                          given several times
#   --survey-config FILE   what the producers send, as variables of `skysieve produce` (swarm/survey.env)
#   --hub HOST:PORT,…      brokers that have the topic already, such as the survey's, instead of a hub on the manager
#   --hub-config FILE      properties (of Java's clients) with which MirrorMaker connects to them; they become a secret
#   --kafka-config FILE    librdkafka's properties for hosts, monitors and producers; they become a secret
#   --fields FIELD,…       what monitors print of each alert (by default id, visit and position)
#   --image, --kafka-image IMAGE   (skysieve, skysieve-kafka; or $SKYSIEVE_IMAGE and $KAFKA_IMAGE)
#   --resolve-image HOW    always, changed or never ask the registry for an image's digest (never, if an image names none)
#   --http-port PORT       the port of each host's HTTP API on its node (8080)
#   --subnet CIDR          the overlay network's addresses; by default 10.117.0.0/16 if a /24 would be too small
#   --encrypted            encrypt what nodes send each other
#   --operator-token FILE  the first operator's token: text of 24 characters or more, which becomes a secret of the hosts. By
#                          default a random one is made and kept in ~/.config/skysieve/NAME.token ($SKYSIEVE_OPERATOR_TOKEN_FILE)
#   --wait SECONDS         how long each step may take (300)
#   --dry-run              print the stacks, and change nothing
#
# Deploying again changes only what differs; filters and nodes keep their numbers. Limits are variables, such as
# HOST_MEMORY=4G HOST_CPUS=8: see limits() below.
#
# examples: swarm/deploy_all.sh --filters filters/ --filters-per-node 50
#           swarm/deploy_all.sh --filters filters/ --image registry.example.org/skysieve:1.2    rolls over to a new image
# shellcheck disable=SC2034 # Stack files and plan.sh use the variables.
set -euo pipefail

me=deploy
. "$(dirname "$0")/common.sh"
. "$here/plan.sh"

limits() {
  : "${HUB_MEMORY:=2G}" "${HUB_HEAP:=1g}" "${HUB_CPUS:=2}" "${MIRROR_MEMORY:=2G}" "${MIRROR_HEAP:=1g}" "${MIRROR_CPUS:=2}"
  : "${MIRRORMAKER_MEMORY:=1G}" "${MIRRORMAKER_HEAP:=512m}" "${MIRRORMAKER_CPUS:=1}" "${HOST_MEMORY:=2G}" "${HOST_CPUS:=64}"
  : "${MONITOR_MEMORY:=128M}" "${MONITOR_CPUS:=0.5}" "${PRODUCER_MEMORY:=1G}" "${PRODUCER_CPUS:=2}"
  : "${PRODUCER_RESTART:=none}" # `any` or `on-failure` begins again with the first visit
}

options() {
  name=skysieve where=. filters="" on_nodes="" per_node=20 TOPIC=alerts PARTITIONS=1 spares=() SURVEY_CONFIG=$here/survey.env
  kafka_config="" FIELDS="" IMAGE=${SKYSIEVE_IMAGE:-skysieve} KAFKA_IMAGE=${KAFKA_IMAGE:-skysieve-kafka} how="" HTTP_PORT=8080
  subnet="" encrypted="" wait=300 dry="" HUB=hub:9092 hub_config=""
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) usage; exit ;;
      --encrypted) encrypted=1; shift; continue ;;
      --dry-run) dry=1; shift; continue ;;
    esac
    case $1 in
      --nodes | --filters | --filters-on-nodes | --filters-per-node | --name | --topic | --partitions | --spare | --survey-config | \
        --hub | --hub-config | --kafka-config | --fields | --image | --kafka-image | --resolve-image | --http-port | --subnet | --operator-token | --wait) takes_value "$1" $# ;;
      *) wrong "there is no option $1" ;;
    esac
    case $1 in
      --nodes) where=$2 ;; --filters) filters=$2 ;; --filters-on-nodes) on_nodes=$2 ;; --filters-per-node) per_node=$2 ;;
      --name) name=$2 ;; --topic) TOPIC=$2 ;; --partitions) PARTITIONS=$2 ;; --spare) spares+=("$2") ;; --survey-config) SURVEY_CONFIG=$2 ;;
      --kafka-config) kafka_config=$2 ;; --fields) FIELDS=$2 ;; --image) IMAGE=$2 ;; --kafka-image) KAFKA_IMAGE=$2 ;;
      --resolve-image) how=$2 ;; --http-port) HTTP_PORT=$2 ;; --subnet) subnet=$2 ;; --wait) wait=$2 ;;
      --hub) HUB=$2 ;; --hub-config) hub_config=$2 ;;
      --operator-token) [ -r "$2" ] || wrong "--operator-token $2: can't be read"; export SKYSIEVE_OPERATOR_TOKEN_FILE=$2 ;;
    esac
    shift 2
  done
  check_name "$name"
  local number
  for number in "$per_node" "$PARTITIONS" "$HTTP_PORT" "$wait"; do
    [[ $number =~ ^[1-9][0-9]{0,5}$ ]] || wrong "$number: --filters-per-node, --partitions, --http-port and --wait take a number from 1 on"
  done
  [[ $TOPIC =~ ^[A-Za-z0-9._-]{1,249}$ ]] || wrong "--topic $TOPIC: a topic's name consists of letters, digits, . _ and -"
  [[ $HUB =~ ^[A-Za-z0-9.-]+:[0-9]+(,[A-Za-z0-9.-]+:[0-9]+)*$ ]] || wrong "--hub takes HOST:PORT, separated by commas"
  [ -z "$hub_config" ] || [ "$HUB" != hub:9092 ] || wrong "--hub-config is for the brokers of --hub"
  [[ ${how:-never} =~ ^(always|changed|never)$ ]] || wrong "--resolve-image takes always, changed or never"
  [[ ${on_nodes:-/} == /* ]] || wrong "--filters-on-nodes takes a path that begins with /"
  on_nodes=${on_nodes%/}
  [ -d "$filters" ] || wrong "--filters takes a folder of NAME.wasm; there is no folder '$filters'"
  local file
  for file in "$SURVEY_CONFIG" ${kafka_config:+"$kafka_config"} ${hub_config:+"$hub_config"}; do [ -r "$file" ] || wrong "$file can't be read"; done
  # Java would join a line that ends with a backslash with the next one, which then had no prefix.
  if [ -n "$hub_config" ] && grep -nE '\\$|^[^#=]+$' "$hub_config" | cut -d : -f 1 >&2; then
    wrong "$hub_config: these lines are not KEY=VALUE"
  fi
  if grep -nvE '^[[:space:]]*(#.*)?$|^SKYSIEVE_[A-Z_]+=' "$SURVEY_CONFIG" >&2; then
    wrong "$SURVEY_CONFIG: these lines are not SKYSIEVE_NAME=value"
  fi
  SURVEY_CONFIG=$(realpath "$SURVEY_CONFIG") NAME=$name
  # An image without a / can't come from a registry of one's own, so that it is on the nodes already.
  if [ -z "$how" ]; then
    how=always
    if [[ $IMAGE != */* || $KAFKA_IMAGE != */* ]]; then how=never; fi
  fi
  IMAGE_ID="" KAFKA_IMAGE_ID=""
  if [ "$how" = never ]; then
    # Without a digest, an image that was built anew under its old name is recognized by its id.
    IMAGE_ID=$(docker image inspect --format '{{.Id}}' "$IMAGE" 2>/dev/null || true)
    KAFKA_IMAGE_ID=$(docker image inspect --format '{{.Id}}' "$KAFKA_IMAGE" 2>/dev/null || true)
  fi
}

# Creates what is not part of a stack: the network, configs and secrets, and the labels of nodes.
prepare() {
  local kind item file change id key services
  services=$(wc -l <"$work/services")
  if ! docker network inspect "$name" >/dev/null 2>&1; then
    # Of a /24 some addresses are needed for each node's load balancer.
    if [ -z "$subnet" ] && [ $((services + ${#host[@]})) -gt 200 ]; then subnet=10.117.0.0/16; fi
    docker network create --driver overlay --attachable --label "$label=$name" ${subnet:+--subnet "$subnet"} \
      ${encrypted:+--opt encrypted} "$name" >/dev/null || die "the network could not be created; --subnet takes other addresses"
  elif [ "$(docker network inspect --format "{{index .Labels \"$label\"}}" "$name")" != "$name" ]; then
    die "there is a network $name that is not of this deployment; choose another --name"
  fi
  while read -r kind item file; do
    docker "$kind" inspect "$item" >/dev/null 2>&1 ||
      docker "$kind" create --label "$label=$name" "$item" "$file" >/dev/null || die "$kind $item could not be created"
  done < <(sort -u -k 1,2 "$work/objects")
  # A filter node's number must not be on two nodes. Without spares, services first stop following the labels.
  if [ ${#spares[@]} -gt 0 ]; then remove_labels; fi
  while read -r change id key; do
    [ "$change" != add ] || docker node update --label-add "$key" "$id" >/dev/null
  done <"$work/labels"
}

remove_labels() {
  local change id key
  while read -r change id key; do
    [ "$change" != remove ] || docker node update --label-rm "$key" "$id" >/dev/null
  done <"$work/labels"
}

# deploy_stack STACK SERVICE...: deploys those of a stack's services that differ from what exists.
deploy_stack() {
  local stack=$1 service file files=() changed=(); shift
  for service; do
    grep -qx -e "new ${stack}_$service" -e "changed ${stack}_$service" "$work/changes" || continue
    changed+=("$service")
    for file in "$work/stacks/${stack}_$service"/*.yaml; do files+=(-c "$file"); done
  done
  [ ${#changed[@]} -gt 0 ] || return 0
  say "stack $stack: ${changed[*]}"
  docker stack deploy --resolve-image "$how" "${files[@]}" "$stack" >"$work/deploy.log" 2>&1 ||
    { cat "$work/deploy.log" >&2; die "stack $stack could not be deployed"; }
}

# deploy_filter_nodes NUMBER...: one kind of service after the other, each when the one before is ready on all of the nodes.
deploy_filter_nodes() {
  local service number
  for service in mirror mirrormaker host; do
    for number; do deploy_stack "$name-filter-$number" "$service"; done
    # shellcheck disable=SC2046 # A service's name has no spaces.
    await "$wait" $(printf "$name-filter-%s_$service " "$@")
  done
}

# services_of ROLE: prints "STACK SERVICE" for those of consumer or sender nodes.
services_of() { sed -n "s/^\($name-$1-[0-9]*\)_\([^ ]*\) .*/\1 \2/p" "$work/services" | sort -V; }

deploy() {
  local number fresh=() of service stack all
  prepare
  if grep -q "^$name-hub_" "$work/services"; then
    for service in broker topic; do deploy_stack "$name-hub" "$service"; await "$wait" "$name-hub_$service"; done
  fi
  while read -r number _; do
    # A node that works already is changed alone, so that the others go on meanwhile.
    if grep -q "^new $name-filter-${number}_host$" "$work/changes"; then fresh+=("$number"); else deploy_filter_nodes "$number"; fi
  done <"$work/filter-nodes"
  [ ${#fresh[@]} = 0 ] || deploy_filter_nodes "${fresh[@]}"
  remove_unused
  # Producers come last, when everything is ready for what they send.
  for of in consumer sender; do
    for stack in $(services_of "$of" | cut -d ' ' -f 1 | uniq); do
      # shellcheck disable=SC2046
      deploy_stack "$stack" $(services_of "$of" | sed -n "s/^$stack //p")
    done
    mapfile -t all < <(services_of "$of" | tr ' ' _)
    await "$wait" ${all[@]+"${all[@]}"}
  done
}

remove_unused() {
  local change item kind
  while read -r change item; do
    [ "$change" = removed ] || continue
    say "removing $item"; docker service rm "$item" >/dev/null
  done <"$work/changes"
  for kind in config secret; do
    for item in $(docker $kind ls --filter "label=$label=$name" --format '{{.Name}}'); do
      grep -q "^$kind $item " "$work/objects" || docker $kind rm "$item" >/dev/null || say "$kind $item is still in use"
    done
  done
  if [ ${#spares[@]} = 0 ]; then remove_labels; fi
}

main() {
  options "$@"; limits; need_manager
  work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
  plan
  if [ -n "$dry" ]; then print_plan; exit; fi
  deploy
  say "$(wc -l <"$work/filter-nodes") filter nodes, $(wc -l <"$work/filters") filters; swarm/status.sh --name $name shows them"
}
main "$@"
