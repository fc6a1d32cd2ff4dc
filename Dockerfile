# The tag follows Go's patch releases. go.mod sets the minimum; the build does not download another toolchain.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
ARG REVISION
ARG BRANCH
ARG BUILD_USER
ARG BUILD_DATE
RUN STAMP=github.com/prometheus/common/version && \
    CGO_ENABLED=0 go build -trimpath -o /out/guardduty_coverage_exporter -ldflags "-s -w \
      -X ${STAMP}.Version=${VERSION} -X ${STAMP}.Revision=${REVISION} -X ${STAMP}.Branch=${BRANCH} \
      -X ${STAMP}.BuildUser=${BUILD_USER} -X ${STAMP}.BuildDate=${BUILD_DATE}" .

# No shell and no package manager: only root certificates, time zones and a static binary. The binary writes no files,
# so the root file system can be read-only.
FROM gcr.io/distroless/static-debian12:nonroot
ARG VERSION=unknown
ARG REVISION
LABEL org.opencontainers.image.title="guardduty_coverage_exporter" \
      org.opencontainers.image.description="Prometheus exporter for Amazon GuardDuty Runtime Monitoring coverage" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /out/guardduty_coverage_exporter /guardduty_coverage_exporter
USER 65532:65532
EXPOSE 10871
ENTRYPOINT ["/guardduty_coverage_exporter"]
