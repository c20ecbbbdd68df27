# SPDX-License-Identifier: MIT
# Sidelight's image: built from this tree, run as uid 65532 with a read-only root and no capabilities.
# `docker compose build` does it; by hand: docker build --build-arg REVISION="$(git rev-parse --short=12 HEAD)" .
# For the same image every time, give the base by digest: --build-arg BASE=debian:bookworm-slim@sha256:...
# No engine ran here in tests: each step was carried out in a Debian 12 made by debootstrap instead.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
WORKDIR /src
# The packages first, so that a changed source does not install them again.
COPY tools/setup.sh tools/
RUN tools/setup.sh build
COPY Makefile VERSION ./
COPY src src/
# There is no .git in here to ask.
ARG REVISION=unknown
RUN make -j"$(nproc)" SETUP=: REVISION="$REVISION" all && strip -o /sidelight build/dev/sidelight

FROM ${BASE}
# What the binary is linked with, and nothing else; `make compose-check` compares this list with ldd's.
RUN apt-get -qq update \
 && DEBIAN_FRONTEND=noninteractive apt-get -y -qq --no-install-recommends install \
      libc6 libcjson1 libh2o-evloop0.13 libseccomp2 libsodium23 libsqlite3-0 libssl3 libwslay1 libyaml-0-2 zlib1g \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf /var/log/apt /var/log/dpkg.log \
 && groupadd -g 65532 sidelight \
 && useradd -K UID_MAX=65532 -u 65532 -g 65532 -M -d /var/lib/sidelight -s /usr/sbin/nologin sidelight \
 && install -d -o 65532 -g 65532 -m 700 /var/lib/sidelight
COPY --from=build /sidelight /usr/local/bin/sidelight
COPY LICENSE /usr/share/doc/sidelight/

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Sidelight" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="debian:bookworm-slim"

# By number: an engine can tell that it is not root. A new named volume takes its owner and mode from this directory.
USER 65532:65532
WORKDIR /var/lib/sidelight
# A library that is missing fails the build, not the server.
RUN ["/usr/local/bin/sidelight", "--version"]
EXPOSE 8000
ENTRYPOINT ["/usr/local/bin/sidelight"]
CMD ["--set", "store.path=/var/lib/sidelight/sidelight.db"]
