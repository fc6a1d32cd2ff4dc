# The image, from source:
#
#   docker build --tag guardduty_coverage_exporter .
#
# A release copies binaries that are built already (--target=release). renovate.json updates the digests.
ARG BASE=gcr.io/distroless/static-debian12:nonroot@sha256:afa5c872c891853ca7fcf1f12c3edb23f7eeef36189728842dd51042ff57f7ab

FROM --platform=$BUILDPLATFORM docker.io/library/golang:1.26.8-bookworm@sha256:a688600ca24f8a4d3ca77f95b0dd40704a9fc787c826660eb7ba0b641b8b175d AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=unknown
ARG REVISION
ARG BRANCH
ARG BUILD_DATE
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    STAMP=github.com/prometheus/common/version && \
    CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} go build -trimpath -o /out/guardduty_coverage_exporter -ldflags "-s -w \
      -X ${STAMP}.Version=${VERSION} -X ${STAMP}.Revision=${REVISION} -X ${STAMP}.Branch=${BRANCH} \
      -X ${STAMP}.BuildDate=${BUILD_DATE}" .

# No shell and no package manager: only root certificates, time zones and a static binary. The binary writes no files,
# so the root file system can be read-only.
FROM ${BASE} AS base
LABEL org.opencontainers.image.title="guardduty_coverage_exporter" \
      org.opencontainers.image.description="Prometheus exporter for Amazon GuardDuty Runtime Monitoring coverage" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/guardduty-coverage-exporter/guardduty_coverage_exporter"
COPY LICENSE NOTICE /
USER 65532:65532
EXPOSE 10871
ENTRYPOINT ["/guardduty_coverage_exporter"]

FROM base AS release
ARG TARGETPLATFORM
COPY ${TARGETPLATFORM}/guardduty_coverage_exporter /guardduty_coverage_exporter

FROM base
ARG VERSION=unknown
ARG REVISION
LABEL org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /out/guardduty_coverage_exporter /guardduty_coverage_exporter
