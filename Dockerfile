# The gateway as an image, with natgw on PATH. It works in the network namespace, the BPF file system and the run folder of
# the host, with three capabilities:
#   docker run --network host --cap-drop ALL --cap-add BPF --cap-add NET_ADMIN --cap-add PERFMON \
#     -v /sys/fs/bpf:/sys/fs/bpf -v /run/natgw:/run/natgw -v /etc/natgw:/etc/natgw -v /var/lib/natgw:/var/lib/natgw IMAGE

# Everything that builds needs; Debian's own Node is only there to install the pinned one.
FROM debian:12-slim AS setup
RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends nodejs npm ca-certificates
WORKDIR /src
COPY package.json package-lock.json ./
COPY scripts/setup scripts/setup
COPY scripts/lib scripts/lib
RUN bash scripts/setup build

FROM setup AS bpf
COPY scripts/build-bpf scripts/build-bpf
COPY bpf bpf
RUN bash scripts/build-bpf

FROM setup AS native
COPY scripts/build-native scripts/build-native
COPY binding.gyp ./
COPY native native
RUN bash scripts/build-native

FROM setup AS ts
COPY scripts/build-ts scripts/build-ts
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN bash scripts/build-ts
# Without its symbol table Node is 18 MB smaller.
RUN install -D -m 755 "$(readlink -f node_modules/.bin/node)" /out/node && strip --strip-unneeded /out/node \
 && npm prune --omit=dev --omit=optional --no-audit --no-fund

FROM debian:12-slim
RUN apt-get update -qq \
 && apt-get install -qq -y --no-install-recommends libbpf1 libelf1 zlib1g libstdc++6 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
WORKDIR /opt/natgw
COPY --from=ts /out/node /usr/local/bin/node
COPY --from=ts /src/package.json ./
COPY --from=ts /src/node_modules node_modules
COPY --from=ts /src/dist dist
COPY --from=native /src/build/Release/natgw.node build/Release/natgw.node
COPY --from=bpf /src/build/bpf/natgw.bpf.o build/bpf/natgw.bpf.o
COPY bin bin
RUN ln -s /opt/natgw/bin/natgw /usr/local/bin/natgw
ENTRYPOINT ["natgw"]
CMD ["run"]
