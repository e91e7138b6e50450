# shellcheck shell=bash disable=SC2034,SC2154 # deploy_all.sh and the stack files use the variables, or set them.
# What deploy_all.sh is going to do: which node gets which number, filters and services, as rendered stack files.
# Nothing here changes the Swarm.

# What is deployed: the hash and the filters of each service, and the numbers of nodes.
declare -A deployed deployed_filters number_at
# What is wanted: the hash of each service and its stack files; configs and secrets, and the files with their contents.
declare -A wanted files_of objects pending changes
# Each filter's module, and the number of the filter node that it is on.
declare -A module_of mirror_of
new_labels=() old_labels=() filter_numbers=()

read_deployed() {
  local service hash role number node list
  while IFS='|' read -r service hash role number node list; do
    deployed[$service]=${hash:-unknown}
    if [ "$role" = host ]; then deployed_filters[$number]=$list; fi
    if [ -n "$number" ]; then number_at[$role:$node]=$number; fi
    if [ "$role" = hub ]; then hub_node=$node; fi
  done < <(inspect_services | jq -r '.services[].Spec | .Name as $name | .Labels | def l($key): .["org.skysieve." + $key] // "";
    "\($name)|\(l("hash"))|\(l("role"))|\(l("number"))|\(l("node"))|\(l("filters"))"')
}

# number ROLE: gives the nodes of the array `nodes` their numbers, in the arrays number_of (by node) and node_of (by
# number). A node keeps its number; another gets the lowest that is free, such as that of a node that it replaces.
number() {
  local id next=1 kept
  number_of=() node_of=()
  for id in ${nodes[@]+"${nodes[@]}"}; do
    kept=${number_at[$1:$id]:-}
    if [ -n "$kept" ]; then number_of[$id]=$kept node_of[$kept]=$id; fi
  done
  for id in ${nodes[@]+"${nodes[@]}"}; do
    [ -z "${number_of[$id]:-}" ] || continue
    while [ -n "${node_of[$next]:-}" ]; do next=$((next + 1)); done
    number_of[$id]=$next node_of[$next]=$id
  done
  mapfile -t numbers < <(printf '%s\n' ${number_of[@]+"${number_of[@]}"} | grep . | sort -n)
}

need_ready() { [ "${state[$1]}" = active ] || die "$2: node $1 (${host[$1]}) is ${state[$1]}"; }

# Reads the folder of filters, and gives each filter node its share. A filter stays on the node that it is on.
assign_filters() {
  local modules=() file number filter i next=1 count; local -A used=() share=()
  for file in "$filters"/*.wasm; do if [ -f "$file" ]; then modules+=("$file"); fi; done
  [ ${#modules[@]} -gt 0 ] || die "$filters: there is no NAME.wasm in this folder"
  for file in "${modules[@]}"; do
    [ "$(stat -L -c %s "$file")" -lt 512000 ] ||
      die "$file has 500 KB or more, which is too much for a Swarm config; upload it to a host over HTTP instead: \
curl -T $file http://NODE:$HTTP_PORT/api/v1/filters/NAME"
  done
  for number in "${filter_numbers[@]}"; do
    count=0
    for filter in ${deployed_filters[$number]:-}; do
      [ $count -lt "$per_node" ] || break
      share[$number]+="$filter " used[$filter]=1 count=$((count + 1))
    done
  done
  for number in "${filter_numbers[@]}"; do
    for ((count = $(wc -w <<<"${share[$number]:-}"); count < per_node; count++)); do
      while printf -v filter 'Filter%03d' $next; [ -n "${used[$filter]:-}" ]; do next=$((next + 1)); done
      share[$number]+="$filter " used[$filter]=1
    done
    filters_of[$number]=${share[$number]% }
    for filter in ${share[$number]}; do
      i=${filter#Filter} mirror_of[$filter]=$number
      module_of[$filter]=${modules[$(((10#$i - 1) % ${#modules[@]}))]}
    done
  done
  [ ${#modules[@]} -le ${#module_of[@]} ] ||
    say "$filters has ${#modules[@]} modules, of which the first ${#module_of[@]} are used (--filters-per-node)"
}

# object KIND PREFIX FILE: sets `object` to the name of the config or secret with the file's content.
declare -A known
object() {
  local hash=${known[$3]:-}
  if [ -z "$hash" ]; then hash=$(digest <"$3") known[$3]=$hash; fi
  object=$name-$2-$hash objects["$1 $object"]=$3
}

# want STACK SERVICE FILE...: renders the stack files of one service. FINGERPRINT, if set, stands for their content.
want() {
  local full=$1_$2 file text="" hash i=0 rendered=(); shift 2
  for file; do rendered+=("$(render "$file")"); text+=${rendered[-1]}; done
  hash=$(digest <<<"${FINGERPRINT:-$text}")
  wanted[$full]=$hash
  for text in "${rendered[@]}"; do
    file=$work/$full-$((++i)).yaml
    printf '%s\n' "${text//@HASH@/$hash}" >"$file"
    files_of[$full]+=${files_of[$full]:+$'\n'}$file
  done
}

# Like `want`, for a service that talks to Kafka as a client.
want_client() {
  local stack=$1; SERVICE=$2; shift 2
  if [ -n "$kafka_config" ]; then
    object secret kafka-config "$kafka_config"; SECRET=$object
    set -- "$@" "$here/kafka-config.yaml"
  fi
  want "$stack" "$SERVICE" "$@"
}

# add STACK SERVICE: remembers for `flush` that the service has to be deployed, if it differs.
add() {
  if [ "${deployed[$1_$2]:-}" != "${wanted[$1_$2]}" ]; then
    pending[$1]+=${pending[$1]:+$'\n'}${files_of[$1_$2]} changes[$1]+=" $2"
  fi
}

# at_most CPUS NODE: prints the number of CPUs, but no more than the node has, because its engine would refuse that.
at_most() { if [ "${1%%.*}" -ge "${cores[$2]}" ]; then echo "${cores[$2]}"; else echo "$1"; fi; }

# A Kafka cluster's id: 128 bits in Kafka's notation. The first bits are zero so that it doesn't look like an option.
cluster_id() {
  local hex; hex=$(md5sum <<<"$name/$1")
  # shellcheck disable=SC2001 # Bash itself can't put text before each match.
  printf '%b' "$(sed 's/../\\x&/g' <<<"00${hex:0:30}")" | base64 | tr '+/' '-_' | cut -c 1-22
}

# Decides for each filter node's number where its services run: on its node, or where the label of the number is.
place() {
  local id key value number where_is; local -A holder=() candidate=() spare_label=()
  while read -r id key value; do
    case $key in *.filter) holder[$value]=$id ;; *.spare) spare_label[$id]=1 ;; esac
    [ ${#spares[@]} -gt 0 ] || old_labels+=("$id $key")
  done < <(node_labels)
  for id in "${nodes[@]}" ${spares[@]+"${spares[@]}"}; do candidate[$id]=1; done
  for number in "${filter_numbers[@]}"; do
    id=${filter_node[$number]} placement[$number]="node.id == $id"
    if [ ${#spares[@]} = 0 ]; then need_ready "$id" "${line_of[$where/filternodes.txt:$id]}"; continue; fi
    placement[$number]="node.labels.skysieve.$name.filter == $number"
    where_is=${holder[$number]:-}
    if [ -n "$where_is" ] && [ -n "${candidate[$where_is]:-}" ] && [ "${state[$where_is]}" = active ]; then
      unset "candidate[$where_is]"
    else
      need_ready "$id" "${line_of[$where/filternodes.txt:$id]}"
      [ -z "$where_is" ] || old_labels+=("$where_is skysieve.$name.filter")
      new_labels+=("$id skysieve.$name.filter=$number"); unset "candidate[$id]"
      [ -z "${spare_label[$id]:-}" ] || old_labels+=("$id skysieve.$name.spare")
    fi
  done
  [ ${#spares[@]} -gt 0 ] || return 0
  for number in "${!holder[@]}"; do
    if [ -z "${filter_node[$number]:-}" ]; then old_labels+=("${holder[$number]} skysieve.$name.filter"); fi
  done
  for id in "${!spare_label[@]}"; do [ -n "${candidate[$id]:-}" ] || old_labels+=("$id skysieve.$name.spare"); done
  for id in "${!candidate[@]}"; do [ -n "${spare_label[$id]:-}" ] || new_labels+=("$id skysieve.$name.spare=true"); done
}

plan_hub() {
  [ "$HUB" = hub:9092 ] || return 0
  NODE=${hub_node:-$(docker info --format '{{.Swarm.NodeID}}')} CLUSTER=$(cluster_id hub)
  [ -n "${host[$NODE]:-}" ] || die "the hub's node $NODE has left the Swarm; swarm/teardown.sh, then deploy anew"
  HUB_CPUS=$(at_most "$HUB_CPUS" "$NODE")
  want "$name-hub" broker "$here/hub.yaml"
  want "$name-hub" topic "$here/topic.yaml"
}

plan_filter_nodes() {
  KIND=configs; [ -z "$hub_config" ] || KIND=secrets
  local filter files base="$MIRROR_CPUS $MIRRORMAKER_CPUS $HOST_CPUS"
  for K in "${filter_numbers[@]}"; do
    NODE=${filter_node[$K]} PLACEMENT=${placement[$K]} CLUSTER=$(cluster_id "$K") FILTERS=${filters_of[$K]}
    read -r MIRROR_CPUS MIRRORMAKER_CPUS HOST_CPUS <<<"$base"
    MIRROR_CPUS=$(at_most "$MIRROR_CPUS" "$NODE") MIRRORMAKER_CPUS=$(at_most "$MIRRORMAKER_CPUS" "$NODE")
    HOST_CPUS=$(at_most "$HOST_CPUS" "$NODE")
    want "$name-filter-$K" mirror "$here/mirror.yaml"
    render "$here/mirrormaker.properties" >"$work/mirrormaker-$K.properties"
    [ -z "$hub_config" ] || sed -n 's/^[^#]*=/hub.&/p' "$hub_config" >>"$work/mirrormaker-$K.properties"
    object "${KIND%s}" mirrormaker "$work/mirrormaker-$K.properties"; PROPERTIES=$object
    want "$name-filter-$K" mirrormaker "$here/mirrormaker.yaml"
    files=("$here/host.yaml")
    for filter in $FILTERS; do
      FILTER=$filter; plan_filter "${module_of[$filter]}"
      files+=("$work/filter-$filter.yaml")
    done
    want_client "$name-filter-$K" host "${files[@]}"
  done
}

# Writes a filter's stack file. Its settings are beside its module; a Swarm config can't be empty.
plan_filter() {
  local settings=${1%.wasm}.toml
  object config module "$1"; MODULE=$object
  if ! [ -s "$settings" ]; then settings=$work/no-settings; echo "# This filter has no settings." >"$settings"; fi
  object config settings "$settings"; SETTINGS=$object
  render "$here/filter.yaml" >"$work/filter-$FILTER.yaml"
}

plan_monitors() {
  local i=0 files
  [ ${#numbers[@]} -gt 0 ] || return 0
  for FILTER in $(printf '%s\n' "${!module_of[@]}" | sort -V); do
    CONSUMER=${numbers[$((i++ % ${#numbers[@]}))]} K=${mirror_of[$FILTER]} NODE=${node_of[$CONSUMER]}
    SERVICE=monitor-$FILTER files=("$here/monitor.yaml")
    [ -z "$FIELDS" ] || files+=("$here/fields.yaml")
    want_client "$name-consumer-$CONSUMER" "$SERVICE" "${files[@]}"
  done
}

plan_producers() {
  local seed secret=""; seed=$(sed -n 's/^SKYSIEVE_SEED=//p' "$SURVEY_CONFIG" | tail -1)
  [[ ${seed:=1} =~ ^[0-9]+$ ]] || die "$SURVEY_CONFIG: SKYSIEVE_SEED is a number"
  [ -z "$kafka_config" ] || secret=$(digest <"$kafka_config")
  for K in ${numbers[@]+"${numbers[@]}"}; do
    NODE=${node_of[$K]} SEED=$((seed + K - 1)) PRODUCER_CPUS=$(at_most "$PRODUCER_CPUS" "${node_of[$K]}")
    # A producer that starts again sends its visits again. So only a change of what it sends starts it.
    FINGERPRINT="$NODE $TOPIC $SEED $secret $(digest <"$SURVEY_CONFIG")" want_client "$name-sender-$K" producer "$here/producer.yaml"
  done
}

# Checks everything, and renders the stacks.
plan() {
  local nodes numbers id spare resolved=() hub_node=""
  local -A number_of=() node_of=() filters_of=() filter_node=() placement=()
  local K NODE PLACEMENT CLUSTER FILTERS FILTER CONSUMER SERVICE SECRET KIND PROPERTIES MODULE SETTINGS SEED object
  read_nodes
  read_deployed
  for spare in ${spares[@]+"${spares[@]}"}; do resolve "$spare" "--spare $spare"; resolved+=("$id"); done
  spares=(${resolved[@]+"${resolved[@]}"})
  read_node_file "$where/filternodes.txt"
  [ ${#nodes[@]} -gt 0 ] || die "$where/filternodes.txt names no node"
  for spare in ${spares[@]+"${spares[@]}"}; do
    [[ " ${nodes[*]} " != *" $spare "* ]] || die "--spare: node $spare is in ${line_of[$where/filternodes.txt:$spare]}, too"
  done
  number host
  filter_numbers=("${numbers[@]}")
  for id in "${nodes[@]}"; do filter_node[${number_of[$id]}]=$id; done
  place
  assign_filters
  plan_hub
  plan_filter_nodes
  read_node_file "$where/consumernodes.txt"
  for id in ${nodes[@]+"${nodes[@]}"}; do need_ready "$id" "${line_of[$where/consumernodes.txt:$id]}"; done
  number monitor
  plan_monitors
  read_node_file "$where/sendernodes.txt"
  for id in ${nodes[@]+"${nodes[@]}"}; do need_ready "$id" "${line_of[$where/sendernodes.txt:$id]}"; done
  number producer
  plan_producers
}

# Prints the stack files, and what would be done with each service.
print_plan() {
  local service file
  for service in $(printf '%s\n' "${!wanted[@]}" | sort -V); do
    if [ -z "${deployed[$service]:-}" ]; then echo "##### $service: new"
    elif [ "${deployed[$service]}" = "${wanted[$service]}" ]; then echo "##### $service: as it is"
    else echo "##### $service: changed"; fi
    while IFS= read -r file; do cat "$file"; done <<<"${files_of[$service]}"
  done
  for service in "${!deployed[@]}"; do [ -n "${wanted[$service]:-}" ] || echo "##### $service: removed"; done
  for service in ${new_labels[@]+"${new_labels[@]}"}; do echo "##### node ${service% *}: label ${service#* }"; done
  for service in ${old_labels[@]+"${old_labels[@]}"}; do echo "##### node ${service% *}: without label ${service#* }"; done
}
