#!/usr/bin/env bash
# Deploys Skysieve on a Docker Swarm: a hub, mirrors and hosts on filter nodes, monitors and producers.
#
# usage: swarm/deploy_all.sh --filters DIR [OPTIONS]
#
#   --nodes DIR            the folder of filternodes.txt, consumernodes.txt and sendernodes.txt, which have a node's id (or
#                          its beginning, or a hostname) on each line, and comments after # (default: this folder)
#   --filters DIR          filters: NAME.wasm and, beside it, NAME.toml; if there are fewer than the nodes need, they are
#                          used in turn. They are called Filter001, Filter002, …
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
  name=skysieve where=. filters="" per_node=20 TOPIC=alerts PARTITIONS=1 spares=() SURVEY_CONFIG=$here/survey.env
  kafka_config="" FIELDS="" IMAGE=${SKYSIEVE_IMAGE:-skysieve} KAFKA_IMAGE=${KAFKA_IMAGE:-skysieve-kafka} how="" HTTP_PORT=8080
  subnet="" encrypted="" wait=300 dry="" HUB=hub:9092 hub_config=""
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) usage; exit ;;
      --encrypted) encrypted=1; shift; continue ;;
      --dry-run) dry=1; shift; continue ;;
    esac
    case $1 in
      --nodes | --filters | --filters-per-node | --name | --topic | --partitions | --spare | --survey-config | --hub | --hub-config | \
        --kafka-config | --fields | --image | --kafka-image | --resolve-image | --http-port | --subnet | --wait) takes_value "$1" $# ;;
      *) wrong "there is no option $1" ;;
    esac
    case $1 in
      --nodes) where=$2 ;; --filters) filters=$2 ;; --filters-per-node) per_node=$2 ;; --name) name=$2 ;;
      --topic) TOPIC=$2 ;; --partitions) PARTITIONS=$2 ;; --spare) spares+=("$2") ;; --survey-config) SURVEY_CONFIG=$2 ;;
      --kafka-config) kafka_config=$2 ;; --fields) FIELDS=$2 ;; --image) IMAGE=$2 ;; --kafka-image) KAFKA_IMAGE=$2 ;;
      --resolve-image) how=$2 ;; --http-port) HTTP_PORT=$2 ;; --subnet) subnet=$2 ;; --wait) wait=$2 ;;
      --hub) HUB=$2 ;; --hub-config) hub_config=$2 ;;
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
  local item kind file id key
  if ! docker network inspect "$name" >/dev/null 2>&1; then
    # Of a /24 some addresses are needed for each node's load balancer.
    if [ -z "$subnet" ] && [ $((${#wanted[@]} + ${#host[@]})) -gt 200 ]; then subnet=10.117.0.0/16; fi
    docker network create --driver overlay --attachable --label "$label=$name" ${subnet:+--subnet "$subnet"} \
      ${encrypted:+--opt encrypted} "$name" >/dev/null || die "the network could not be created; --subnet takes other addresses"
  elif [ "$(docker network inspect --format "{{index .Labels \"$label\"}}" "$name")" != "$name" ]; then
    die "there is a network $name that is not of this deployment; choose another --name"
  fi
  for item in "${!objects[@]}"; do
    kind=${item%% *} file=${objects[$item]} item=${item#* }
    docker "$kind" inspect "$item" >/dev/null 2>&1 ||
      docker "$kind" create --label "$label=$name" "$item" "$file" >/dev/null || die "$kind $item could not be created"
  done
  # A filter node's number must not be on two nodes. Without spares, services first stop following the labels.
  if [ ${#spares[@]} -gt 0 ]; then remove_labels; fi
  for item in "${new_labels[@]}"; do
    read -r id key <<<"$item"
    docker node update --label-add "$key" "$id" >/dev/null
  done
}

# flush STACK: deploys the services of the stack that differ.
flush() {
  local files=() file
  [ -n "${pending[$1]:-}" ] || return 0
  while IFS= read -r file; do files+=(-c "$file"); done <<<"${pending[$1]}"
  say "stack $1:${changes[$1]}"
  docker stack deploy --resolve-image "$how" "${files[@]}" "$1" >"$work/deploy.log" 2>&1 ||
    { cat "$work/deploy.log" >&2; die "stack $1 could not be deployed"; }
  unset "pending[$1]" "changes[$1]"
}

# Deploys one service after the other on the filter nodes given: mirrors, MirrorMakers, then hosts.
deploy_filter_nodes() {
  local service number stack
  for service in mirror mirrormaker host; do
    local -a all=()
    for number; do
      stack=$name-filter-$number
      add "$stack" "$service"; flush "$stack"; all+=("${stack}_$service")
    done
    await "$wait" "${all[@]}"
  done
}

deploy() {
  local number fresh=() of item all
  prepare
  for item in broker topic; do
    [ -n "${wanted[$name-hub_$item]:-}" ] || continue
    add "$name-hub" "$item"; flush "$name-hub"; await "$wait" "$name-hub_$item"
  done
  for number in "${filter_numbers[@]}"; do
    # A node that works already is changed alone, so that the others go on meanwhile.
    if [ -n "${deployed[$name-filter-${number}_host]:-}" ]; then deploy_filter_nodes "$number"; else fresh+=("$number"); fi
  done
  deploy_filter_nodes ${fresh[@]+"${fresh[@]}"}
  remove_unused
  # Producers come last, when everything is ready for what they send.
  for of in consumer sender; do
    all=()
    for item in "${!wanted[@]}"; do
      if [[ $item == "$name-$of-"* ]]; then add "${item%%_*}" "${item#*_}"; all+=("$item"); fi
    done
    for item in "${!pending[@]}"; do flush "$item"; done
    await "$wait" ${all[@]+"${all[@]}"}
  done
}

# Removes services, configs, secrets and labels that this deployment no longer needs.
remove_unused() {
  local item kind
  for item in "${!deployed[@]}"; do
    [ -z "${wanted[$item]:-}" ] || continue
    say "removing $item"; docker service rm "$item" >/dev/null
  done
  for kind in config secret; do
    for item in $(docker $kind ls --filter "label=$label=$name" --format '{{.Name}}'); do
      [ -n "${objects[$kind $item]:-}" ] || docker $kind rm "$item" >/dev/null || say "$kind $item is still in use"
    done
  done
  remove_labels
}

remove_labels() {
  local item
  for item in "${old_labels[@]}"; do docker node update --label-rm "${item#* }" "${item% *}" >/dev/null; done
  old_labels=()
}

main() {
  options "$@"; limits; need_manager
  work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
  plan
  if [ -n "$dry" ]; then print_plan; exit; fi
  deploy
  say "${#filter_numbers[@]} filter nodes, ${#module_of[@]} filters; swarm/status.sh --name $name shows them"
}
main "$@"
