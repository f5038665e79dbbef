# `just` is optional: each recipe is one command, and CI calls the scripts themselves.

# List the recipes
default:
    @{{just_executable()}} --list --unsorted

# The whole product on one port, with simulated vendors
dev *arguments:
    cargo dev {{arguments}}

# Everything that a change must pass
run:
    .ci/run

# Lane 1: format, lints, docs, licences
lint:
    .ci/lint

# Lane 2: unit, store, end-to-end tests and the vendors' SDKs
test:
    .ci/test

# Lane 3: real builds on the hosts' own runtimes
hosts:
    .ci/hosts

# Lane 4: fuzzing and simulation
deep:
    .ci/deep

# The unit tests alone, without servers: `just unit fold`
unit *filter:
    cargo test --package shared --features sqlite,dynamodb,redis --lib --locked -- {{filter}}

# The stores' contract on one backend: `just store redis_tcp`
store backend:
    cargo test --package stores --test contract --locked -- {{backend}}

# Lines, words and cycles
figures *arguments:
    .ci/figures {{arguments}}
