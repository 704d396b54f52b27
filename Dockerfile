FROM golang:1.26 AS build
WORKDIR /src
# The modules first: they change seldom, and this layer is then kept.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
RUN CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/simulator ./cmd/simulator
# scratch has no shell to make directories with. Platforms that choose the user's ID, such as OpenShift, use group 0.
# A builder keeps the modes of what is in the directory that it copies, but not always that of the directory.
RUN mkdir -p /out/root/data /out/root/tmp && chmod 0775 /out/root/data && chmod 1777 /out/root/tmp

FROM scratch
ARG VERSION=unknown
LABEL org.opencontainers.image.title="storagesim" \
      org.opencontainers.image.description="simulated storage vendors' HTTP APIs" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /out/simulator /simulator
# Owned by the user below: a new volume takes content and owner from here.
COPY --from=build --chown=65532:0 /out/root/ /
USER 65532:65532
# Unlike the program's own defaults these face outwards: inside a container the loopback reaches nobody.
ENV HOME=/tmp \
    SIM_LISTEN=0.0.0.0:8080 \
    SIM_TLS_LISTEN=0.0.0.0:8443 \
    SIM_DATA=/data
VOLUME /data
EXPOSE 8080 8443
HEALTHCHECK --interval=5s --timeout=2s --start-period=5s --retries=3 CMD ["/simulator", "healthcheck"]
ENTRYPOINT ["/simulator"]
