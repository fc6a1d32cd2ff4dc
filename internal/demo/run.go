// Package demo runs the exporter against a simulated organization in which
// clusters lose and regain coverage on a schedule.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/app"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/web"
)

const (
	// stepInterval is the time between two steps of the world.
	stepInterval = 10 * time.Second
	// stopTimeout limits the shutdown of the simulator. http.Server waits 5 s for a
	// connection that has not sent a request.
	stopTimeout = 15 * time.Second
)

// Run starts the simulator on simulatorAddress, animates its world and runs the
// exporter against it, like app.Run. It overwrites Load, Simulator and Listening
// of the options, and prints the URLs to out.
func Run(ctx context.Context, o app.Options, simulatorAddress string, out io.Writer) (err error) {
	if !isLoopback(simulatorAddress) {
		return fmt.Errorf("the simulator's address %q must have a loopback host and a port, such as 127.0.0.1:0, "+
			"because any client that can connect can change the simulated data", simulatorAddress)
	}
	server, listener, err := start(ctx, simulatorAddress, o.Logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopListener(ctx, listener)) }()
	animateCtx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		animate(animateCtx, server)
	}()
	defer func() {
		stop()
		<-done
	}()

	o.Simulator = sessionOf(listener.URL)
	yaml := []byte(configuration(listener.URL, time.Now()))
	o.Load = func() (*config.Config, error) { return config.Parse("demo", yaml) }
	o.Listening = func(s *web.Server) {
		fmt.Fprint(out, guide(urls(s), o.TelemetryPath, listener.URL, accessKey()))
	}
	return app.Run(ctx, o)
}

// start starts the simulator of a new world.
func start(ctx context.Context, address string, logger *slog.Logger) (*simulator.Server, *simulator.Listener, error) {
	server := simulator.New(newWorld(time.Now()), simulator.Options{Logger: logger})
	listener, err := server.Start(ctx, address)
	return server, listener, err
}

func stopListener(ctx context.Context, listener *simulator.Listener) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return listener.Stop(ctx)
}

// sessionOf returns the settings that make the exporter read the simulator.
func sessionOf(endpoint string) *session.Simulator {
	key := accessKey()
	return &session.Simulator{
		Endpoint:    endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(key.AccessKeyID, key.SecretAccessKey, ""),
	}
}

// isLoopback reports whether the address has a loopback host and a port.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

// animate advances the world every stepInterval until ctx ends.
func animate(ctx context.Context, server *simulator.Server) {
	ticker := time.NewTicker(stepInterval)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			server.Update(func(w *simulator.World) { advance(w, n, now) })
		}
	}
}

// configuration returns the exporter's configuration file, with exclusions that end
// some days after now. Changes without an event, such as those of counts, are seen by
// the next refresh.
func configuration(endpoint string, now time.Time) string {
	var b strings.Builder
	queue := eventQueue()
	fmt.Fprintf(&b, "events: [{queue_url: %q, region: %s}]\n", queue.URL(endpoint), queue.Region)
	b.WriteString("refresh: {interval: 10s, timeout: 5s, max_staleness: 5m}\naws: {requests_per_second: 50}\ntargets:\n")
	for _, t := range targets() {
		fmt.Fprintf(&b, "  - {name: %q, regions: [%s], resource_types: [%s], detector: true", t.name, strings.Join(t.regions, ", "), t.types)
		if t.roleARN != "" {
			fmt.Fprintf(&b, ", role_arn: %q, external_id: %q", t.roleARN, t.externalID)
		} else { // the organization's administrator
			b.WriteString(", members: true, account_names: true")
		}
		fmt.Fprintf(&b, ", ecs: {role_arn: \"arn:aws:iam::{account_id}:role/%s\", scope: all, interval: 1m, tags: [team]}", ecsRoleName)
		b.WriteString("}\n")
	}
	b.WriteString("exclusions:\n")
	for _, e := range exclusions(now) {
		fmt.Fprintf(&b, "  - {name: %q, account_id: %q, region: %q, cluster_name: %q, reason: %q, until: %s, owner: %q, ticket: %q}\n",
			e.Name, e.AccountID, e.Region, e.ClusterName, e.Reason, e.LastDay(), e.Owner, e.Ticket)
	}
	return b.String()
}

// guide returns the text that is printed when the exporter is listening.
func guide(urls []string, telemetryPath, endpoint string, key simulator.Keys) string {
	var b strings.Builder
	b.WriteString("\nThe demo is running; stop it with Ctrl-C.\n\n")
	for _, url := range urls {
		if telemetryPath != "/" {
			fmt.Fprintf(&b, "  status:     %s/\n", url)
		}
		fmt.Fprintf(&b, "  metrics:    %s\n", url+telemetryPath)
	}
	fmt.Fprintf(&b, "  simulator:  %s\n\nUse the simulator with the AWS CLI:\n\n", endpoint)
	fmt.Fprintf(&b, "  export AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s AWS_DEFAULT_REGION=us-east-1\n", key.AccessKeyID, key.SecretAccessKey)
	fmt.Fprintf(&b, "  aws --endpoint-url %s guardduty list-detectors\n\n", endpoint)
	return b.String()
}

// urls returns the URL of every listener.
func urls(s *web.Server) []string {
	var urls []string
	for _, address := range s.Addresses() {
		urls = append(urls, s.Scheme()+"://"+browsable(address))
	}
	return urls
}

// browsable returns an address that a browser on this machine can open.
func browsable(address net.Addr) string {
	host, port, err := net.SplitHostPort(address.String())
	if err != nil {
		return address.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
