# shellcheck shell=bash disable=SC2034,SC2154 # Stack files use the variables; deploy_all.sh sets some.
# What deploy_all.sh is going to do: which node gets which number, filters and services, as rendered stack files. Nothing
# here changes the Swarm.
#
# Each step reads tables and writes one or two. A table is a file in $work with a row on each line, its columns separated by
# a space; the last column may have spaces.
#
# | table                              | columns                                    | written by       |
# | ---------------------------------- | ------------------------------------------ | ---------------- |
# | deployed: the services that exist  | SERVICE HASH ROLE NUMBER NODE FILTERS      | read_deployed    |
# | filter-nodes, consumers, senders   | NUMBER NODE FILE:LINE                      | number_nodes     |
# | placement: where services run      | NUMBER CONSTRAINT                          | place            |
# | labels: of nodes, to be changed    | add NODE KEY=VALUE, or remove NODE KEY     | place            |
# | filters                            | FILTER NUMBER MODULE                       | assign_filters   |
# | objects: configs and secrets       | KIND NAME FILE                             | object           |
# | services: what should exist        | SERVICE HASH                               | want             |
# | changes                            | new, changed, same or removed; SERVICE     | compare          |
#
# SERVICE is the full name, STACK_NAME; its stack files are $work/stacks/SERVICE/*.yaml. NUMBER is that of a node among the
# nodes of its kind. Variables in capitals are those that stack files have.

read_deployed() {
  inspect_services | jq -r '.services[].Spec | .Name as $name | .Labels |
    def l($key): .["org.skysieve." + $key] // "" | if . == "" then "-" else . end;
    "\($name) \(l("hash")) \(l("role")) \(l("number")) \(l("node")) \(l("filters"))"' >"$work/deployed"
}

# number_nodes FILE ROLE TABLE: gives the nodes that a file names their numbers. A node keeps its number, which services of
# that role have; another gets the lowest that is free, such as that of a node that it replaces.
number_nodes() {
  read_node_file "$where/$1" >"$work/named"
  awk '
    table == "deployed" { if ($3 == role) kept[$5] = $4; next }
    { id[++count] = $1; line[$1] = substr($0, length($1) + 2) }
    $1 in kept { number[$1] = kept[$1]; taken[kept[$1]] = 1 }
    END {
      free = 1
      for (i = 1; i <= count; i++) {
        if (!(id[i] in number)) { while (free in taken) free++; number[id[i]] = free; taken[free] = 1 }
        print number[id[i]], id[i], line[id[i]]
      }
    }' role="$2" table=deployed "$work/deployed" table=named "$work/named" | sort -n >"$work/$3"
}

need_ready() { [ "${state[$1]}" = active ] || die "$2: node $1 (${host[$1]}) is ${state[$1]}"; }

need_all_ready() {
  local number node line
  while read -r number node line; do need_ready "$node" "$line"; done <"$work/$1"
}

# place: decides for each filter node's number where its services run: on its node, or, with spares, where the label of the
# number is. A label stays on a node that is up, and otherwise goes to the number's own node.
place() {
  local number node line id key value spare; local -A holder=() is_spare=() free=()
  for spare in ${spares[@]+"${spares[@]}"}; do
    resolve "$spare" "--spare $spare"
    line=$(awk -v id="$id" '$2 == id { sub(/^[^ ]* [^ ]* /, ""); print }' "$work/filter-nodes")
    [ -z "$line" ] || die "--spare: node $id is in $line, too"
    free[$id]=1
  done
  while read -r id key value; do
    case $key in *.filter) holder[$value]=$id ;; *.spare) is_spare[$id]=1 ;; esac
    [ ${#spares[@]} -gt 0 ] || echo "remove $id $key" >>"$work/labels"
  done < <(node_labels)
  while read -r number node line; do free[$node]=1; done <"$work/filter-nodes"
  while read -r number node line; do
    if [ ${#spares[@]} = 0 ]; then
      need_ready "$node" "$line"
      echo "$number node.id == $node" >>"$work/placement"
      continue
    fi
    echo "$number node.labels.skysieve.$name.filter == $number" >>"$work/placement"
    id=${holder[$number]:-}
    if [ -n "$id" ] && [ -n "${free[$id]:-}" ] && [ "${state[$id]}" = active ]; then unset "free[$id]"; continue; fi
    need_ready "$node" "$line"
    [ -z "$id" ] || echo "remove $id skysieve.$name.filter" >>"$work/labels"
    [ -z "${is_spare[$node]:-}" ] || echo "remove $node skysieve.$name.spare" >>"$work/labels"
    echo "add $node skysieve.$name.filter=$number" >>"$work/labels"
    unset "free[$node]"
  done <"$work/filter-nodes"
  [ ${#spares[@]} -gt 0 ] || return 0
  # Numbers that there are no more; and the nodes that are left are the spares.
  for number in "${!holder[@]}"; do
    grep -q "^$number " "$work/filter-nodes" || echo "remove ${holder[$number]} skysieve.$name.filter" >>"$work/labels"
  done
  for id in "${!is_spare[@]}"; do [ -n "${free[$id]:-}" ] || echo "remove $id skysieve.$name.spare" >>"$work/labels"; done
  for id in "${!free[@]}"; do [ -n "${is_spare[$id]:-}" ] || echo "add $id skysieve.$name.spare=true" >>"$work/labels"; done
}

# assign_filters: gives each filter node its share of the folder's modules. A filter stays on the node that it is on.
assign_filters() {
  local modules=() file count used
  for file in "$filters"/*.wasm; do if [ -f "$file" ]; then modules+=("$file"); fi; done
  [ ${#modules[@]} -gt 0 ] || die "$filters: there is no NAME.wasm in this folder"
  for file in "${modules[@]}"; do
    [ -n "$on_nodes" ] || [ "$(stat -L -c %s "$file")" -lt 512000 ] ||
      die "$file has 500 KB or more, which is too much for a Swarm config; copy the folder to all filter nodes (and spares), \
and say where it is there, with --filters-on-nodes"
  done
  printf '%s\n' "${modules[@]}" >"$work/modules"
  awk '
    table == "modules" { module[modules++] = $0; next }
    table == "deployed" { if ($3 == "host") for (i = 6; i <= NF; i++) has[$4, ++count[$4]] = $i; next }
    { number[++numbers] = $1 }
    function give(filter, number, of) {
      of = substr(filter, 7) - 1
      used[filter] = 1; given[number]++
      print filter, number, module[of % modules]
    }
    END {
      for (n = 1; n <= numbers; n++)
        for (i = 1; i <= count[number[n]] && i <= per_node; i++) give(has[number[n], i], number[n])
      next_one = 1
      for (n = 1; n <= numbers; n++)
        while (given[number[n]] < per_node) {
          while ((filter = sprintf("Filter%03d", next_one)) in used) next_one++
          give(filter, number[n])
        }
    }' per_node="$per_node" table=modules "$work/modules" table=deployed <(sed 's/ -$//' "$work/deployed") \
    table=filter-nodes "$work/filter-nodes" >"$work/filters"
  count=$(wc -l <"$work/modules") used=$(wc -l <"$work/filters")
  [ "$count" -le "$used" ] ||
    say "$filters has $count modules, of which the first $used are used (--filters-per-node)"
}

# digest_of FILE: sets `hash` to the digest of the file's content. Many filters may have one module.
declare -A digests
digest_of() {
  hash=${digests[$1]:-}
  if [ -z "$hash" ]; then hash=$(digest <"$1") digests[$1]=$hash; fi
}

# object KIND PREFIX FILE: notes that there is to be a config or secret with the file's content; sets `object` to its name.
object() {
  local hash; digest_of "$3"
  object=$name-$2-$hash
  echo "$1 $object $3" >>"$work/objects"
}

# want SERVICE FILE...: renders the stack files of a service. FINGERPRINT, if set, stands for their content.
want() {
  local service=$1 folder=$work/stacks/$1 file text="" hash i=0 rendered=(); shift
  for file; do rendered+=("$(render "$file")"); text+=${rendered[-1]}; done
  hash=$(digest <<<"${FINGERPRINT:-$text}")
  mkdir -p "$folder"
  for text in "${rendered[@]}"; do
    printf -v file '%s/%04d.yaml' "$folder" $((++i))
    printf '%s\n' "${text//@HASH@/$hash}" >"$file"
  done
  echo "$service $hash" >>"$work/services"
}

# want_client STACK NAME FILE...: like `want`, for a service that talks to Kafka as a client.
want_client() {
  local stack=$1; SERVICE=$2; shift 2
  if [ -n "$kafka_config" ]; then
    object secret kafka-config "$kafka_config"; SECRET=$object
    set -- "$@" "$here/kafka-config.yaml"
  fi
  want "${stack}_$SERVICE" "$@"
}

# at_most CPUS NODE: prints the number of CPUs, but no more than the node has, because its engine would refuse that.
at_most() { if [ "${1%%.*}" -ge "${cores[$2]}" ]; then echo "${cores[$2]}"; else echo "$1"; fi; }

# cluster_id TEXT: prints a Kafka cluster's id, 128 bits in Kafka's notation. The first are zero so that it doesn't look
# like an option.
cluster_id() {
  local hex; hex=$(md5sum <<<"$name/$1")
  # shellcheck disable=SC2001 # Bash itself can't put text before each match.
  printf '%b' "$(sed 's/../\\x&/g' <<<"00${hex:0:30}")" | base64 | tr '+/' '-_' | cut -c 1-22
}

plan_hub() {
  [ "$HUB" = hub:9092 ] || return 0
  NODE=$(awk '$3 == "hub" { print $5; exit }' "$work/deployed") CLUSTER=$(cluster_id hub)
  [ -n "$NODE" ] || NODE=$(docker info --format '{{.Swarm.NodeID}}')
  [ -n "${host[$NODE]:-}" ] || die "the hub's node $NODE has left the Swarm; swarm/teardown.sh, then deploy anew"
  HUB_CPUS=$(at_most "$HUB_CPUS" "$NODE")
  want "$name-hub_broker" "$here/hub.yaml"
  want "$name-hub_topic" "$here/topic.yaml"
}

# plan_token: makes the first operator's token, unless there is one, and plans a secret with it.
plan_token() {
  local file; file=$(token_file)
  if ! [ -s "$file" ]; then
    if [ -n "$dry" ]; then
      file=$work/token; echo "it is made by a deployment that is not dry" >"$file"
    elif [ -n "$(docker secret ls -q --filter "label=$label=$name" --filter "name=$name-operator-token-")" ]; then
      die "the operator's token is not in $file: copy it from where this ran before, or set SKYSIEVE_OPERATOR_TOKEN_FILE"
    else
      (umask 077 && mkdir -p "${file%/*}" && od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n' >"$file")
      say "the first operator's token is in $file"
    fi
  fi
  object secret operator-token "$file"; TOKEN=$object
}

plan_filter_nodes() {
  local line
  while read -r K NODE line; do
    PLACEMENT=$(sed -n "s/^$K //p" "$work/placement") CLUSTER=$(cluster_id "$K")
    MIRROR_CPUS=$(at_most "$MIRROR_CPUS" "$NODE") MIRRORMAKER_CPUS=$(at_most "$MIRRORMAKER_CPUS" "$NODE") \
      HOST_CPUS=$(at_most "$HOST_CPUS" "$NODE") plan_filter_node
  done <"$work/filter-nodes"
}

plan_filter_node() {
  local number module properties=$work/mirrormaker-$K.properties files=("$here/host.yaml")
  want "$name-filter-${K}_mirror" "$here/mirror.yaml"
  SOURCE=hub TARGET=mirror SOURCE_BROKERS=$HUB TARGET_BROKERS=mirror-$K:9092 TOPICS=$TOPIC TASKS=2 SYNC_CONFIGS=true \
    render "$here/../docker/mirrormaker.properties" >"$properties"
  KIND=configs
  if [ -n "$hub_config" ]; then KIND=secrets; sed -n 's/^[^#]*=/hub.&/p' "$hub_config" >>"$properties"; fi
  object "${KIND%s}" mirrormaker "$properties"; PROPERTIES=$object
  want "$name-filter-${K}_mirrormaker" "$here/mirrormaker.yaml"
  # A survey's brokers keep no uploads: then each host has a registry of its own.
  REGISTRY=$HUB; [ "$HUB" = hub:9092 ] || REGISTRY=mirror-$K:9092
  FILTERS=""
  while read -r FILTER number module; do
    [ "$number" = "$K" ] || continue
    plan_filter "$module" >"$work/filter-$FILTER.yaml"
    files+=("$work/filter-$FILTER.yaml") FILTERS+=${FILTERS:+ }$FILTER
  done <"$work/filters"
  want_client "$name-filter-$K" host "${files[@]}"
}

# plan_filter MODULE: prints a filter's stack file. Its settings are beside its module; a Swarm config can't be empty.
plan_filter() {
  local settings=${1%.wasm}.toml file=filter.yaml hash
  if [ -n "$on_nodes" ]; then
    # The digest lets a host start again when its module has changed.
    digest_of "$1"; DIGEST=$hash MODULE=$on_nodes/${1##*/} file=filter-on-node.yaml
  else
    object config module "$1"; MODULE=$object
  fi
  if ! [ -s "$settings" ]; then settings=$work/no-settings; echo "# This filter has no settings." >"$settings"; fi
  object config settings "$settings"; SETTINGS=$object
  render "$here/$file"
}

plan_monitors() {
  local i=0 module consumers=() files=("$here/monitor.yaml")
  mapfile -t consumers <"$work/consumers"
  [ ${#consumers[@]} -gt 0 ] || return 0
  [ -z "$FIELDS" ] || files+=("$here/fields.yaml")
  while read -r FILTER K module; do
    read -r CONSUMER NODE _ <<<"${consumers[$((i++ % ${#consumers[@]}))]}"
    SERVICE=monitor-$FILTER
    want_client "$name-consumer-$CONSUMER" "$SERVICE" "${files[@]}"
  done < <(sort -V "$work/filters")
}

plan_producers() {
  local line seed secret=""; seed=$(sed -n 's/^SKYSIEVE_SEED=//p' "$SURVEY_CONFIG" | tail -1)
  [[ ${seed:=1} =~ ^[0-9]+$ ]] || die "$SURVEY_CONFIG: SKYSIEVE_SEED is a number"
  [ -z "$kafka_config" ] || secret=$(digest <"$kafka_config")
  while read -r K NODE line; do
    # A producer that starts again sends its visits again. So only a change of what it sends starts it.
    SEED=$((seed + K - 1)) PRODUCER_CPUS=$(at_most "$PRODUCER_CPUS" "$NODE") \
      FINGERPRINT="$NODE $TOPIC $((seed + K - 1)) $secret $(digest <"$SURVEY_CONFIG")" \
      want_client "$name-sender-$K" producer "$here/producer.yaml"
  done <"$work/senders"
}

compare() {
  awk '
    table == "deployed" { deployed[$1] = $2; next }
    !($1 in deployed) { print "new", $1 }
    $1 in deployed { print deployed[$1] == $2 ? "same" : "changed", $1 }
    { wanted[$1] = 1 }
    END { for (service in deployed) if (!(service in wanted)) print "removed", service }
  ' table=deployed "$work/deployed" table=services "$work/services" | sort -V -k 2 >"$work/changes"
}

# Checks everything, and renders the stacks.
plan() {
  local K NODE PLACEMENT CLUSTER FILTERS FILTER CONSUMER SERVICE SECRET TOKEN KIND PROPERTIES MODULE DIGEST SETTINGS object id
  local table; for table in placement labels objects services; do : >"$work/$table"; done
  read_nodes
  read_deployed
  number_nodes filternodes.txt host filter-nodes
  [ -s "$work/filter-nodes" ] || die "$where/filternodes.txt names no node"
  place
  assign_filters
  plan_hub
  plan_token
  plan_filter_nodes
  number_nodes consumernodes.txt monitor consumers
  need_all_ready consumers
  plan_monitors
  number_nodes sendernodes.txt producer senders
  need_all_ready senders
  plan_producers
  compare
}

# Prints the stack files, and what would be done with each service.
print_plan() {
  local change service node
  while read -r change service; do
    echo "##### $service: ${change/same/as it is}"
    [ "$change" = removed ] || cat "$work/stacks/$service"/*.yaml
  done <"$work/changes"
  while read -r change node service; do
    if [ "$change" = add ]; then echo "##### node $node: label $service"; else echo "##### node $node: without label $service"; fi
  done <"$work/labels"
}
