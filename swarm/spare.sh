#!/usr/bin/env bash
# Lets spare nodes take over from filter nodes that are down, in a deployment with --spare.
#
# usage: swarm/spare.sh [--name NAME] [--watch] [--every SECONDS]
#
#   --name NAME       the deployment (skysieve)
#   --watch           look again and again, until Ctrl-C
#   --every SECONDS   how often (5)
#
# A filter node's services follow a label, skysieve.NAME.filter, which this script moves to a spare. There they have the
# same names, and begin with an empty mirror: MirrorMaker mirrors the hub's topic anew, as far as it is kept there, and the
# host filters all of it, so that the topics of its filters are complete. A node that comes back is a spare from then on.
# What was uploaded over HTTP, and monitors' offsets, are not on the spare's mirror.
#
# examples: swarm/spare.sh            once
#           swarm/spare.sh --watch
set -euo pipefail

me=spare
. "$(dirname "$0")/common.sh"

name=skysieve watch="" every=5
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit ;;
    --watch) watch=1; shift ;;
    --name) takes_value "$1" $#; name=$2; shift 2 ;;
    --every) takes_value "$1" $#; every=$2; shift 2 ;;
    *) wrong "there is no option $1" ;;
  esac
done
check_name "$name"
[[ $every =~ ^[1-9][0-9]*$ ]] || wrong "--every takes a number of seconds"
need_manager

# update CHANGE... NODE: changes a node's labels.
update() { timeout 30 docker node update "$@" >/dev/null; }

# Moves the labels of nodes that are down. Fails if a spare is missing.
move() {
  local id key value spares=() dead=() spare failed=0; local -A number=()
  read_nodes
  while read -r id key value; do
    case $key in
      *.filter) case ${state[$id]:-} in down | drain) dead+=("$id") number[$id]=$value ;; esac ;;
      *.spare) if [ "${state[$id]:-}" = active ]; then spares+=("$id"); fi ;;
    esac
  done < <(node_labels)
  for id in ${dead[@]+"${dead[@]}"}; do
    if [ ${#spares[@]} = 0 ]; then say "no spare is ready for filter node ${number[$id]} ($id is ${state[$id]})"; failed=1; continue; fi
    spare=${spares[0]} spares=("${spares[@]:1}")
    say "filter node ${number[$id]}: $id (${host[$id]}) is ${state[$id]}, $spare (${host[$spare]}) takes over"
    # The number leaves the old node first, so that it is never on two.
    update --label-rm "skysieve.$name.filter" --label-add "skysieve.$name.spare=true" "$id" || { failed=1; continue; }
    until update --label-rm "skysieve.$name.spare" --label-add "skysieve.$name.filter=${number[$id]}" "$spare"; do
      say "filter node ${number[$id]} is on no node until this succeeds; trying again"; sleep 1
    done
  done
  return $failed
}

node_labels | grep -q . || die "the deployment $name has no spares: deploy_all.sh --spare NODE"
if [ -z "$watch" ]; then move; exit; fi
while :; do move || true; sleep "$every"; done
