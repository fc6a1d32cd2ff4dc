package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/web"
)

// demoStep is how often the demo's world moves on.
const demoStep = 10 * time.Second

// RunDemo starts the simulator on simulatorAddress with a world that moves, and
// serves as Run does what the exporter finds in it. Load and Simulator of the
// options are its own. It tells out where to look.
func RunDemo(ctx context.Context, o Options, simulatorAddress string, out io.Writer) (err error) {
	if host, _, err := net.SplitHostPort(simulatorAddress); err != nil || !net.ParseIP(host).IsLoopback() && host != "localhost" {
		return fmt.Errorf("the simulator's address %q must be a port of a loopback address, such as 127.0.0.1:0: whoever reaches it can change its world", simulatorAddress)
	}
	server := simulator.New(simulator.DemoWorld(time.Now()), simulator.Options{Logger: o.Logger})
	running, err := server.Start(ctx, simulatorAddress)
	if err != nil {
		return err
	}
	defer func() {
		down, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		err = errors.Join(err, running.Stop(down))
	}()
	moving, stopMoving := context.WithCancel(ctx)
	moved := make(chan struct{})
	go func() {
		defer close(moved)
		move(moving, server)
	}()
	defer func() {
		stopMoving()
		<-moved
	}()

	keys := simulator.DemoKeys()
	o.Simulator = &session.Simulator{
		Endpoint:    running.URL,
		Credentials: credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, ""),
	}
	o.Load = func() (*config.Config, error) { return config.Parse("demo", []byte(demoConfig(running.URL))) }
	o.Listening = func(s *web.Server) { fmt.Fprint(out, demoGuide(s.Addresses(), o.TelemetryPath, running.URL, keys)) }
	return Run(ctx, o)
}

// move steps the world until ctx ends.
func move(ctx context.Context, server *simulator.Server) {
	ticker := time.NewTicker(demoStep)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			server.Update(func(w *simulator.World) { simulator.Step(w, n, now) })
		}
	}
}

// demoConfig is for the simulator at an endpoint. The events show changes at
// once; the refreshes between show what has no event, such as counts.
func demoConfig(endpoint string) string {
	var b strings.Builder
	queue := simulator.DemoQueue()
	fmt.Fprintf(&b, "events: [{queue_url: %q, region: %s}]\n", queue.URL(endpoint), queue.Region)
	b.WriteString("refresh: {interval: 10s, timeout: 5s, max_staleness: 5m}\naws: {requests_per_second: 50}\ntargets:\n")
	for _, t := range simulator.DemoTargets() {
		fmt.Fprintf(&b, "  - {name: %q, regions: [%s], resource_types: [ECS, EC2, EKS], detector: true", t.Name, strings.Join(t.Regions, ", "))
		if t.RoleARN != "" {
			fmt.Fprintf(&b, ", role_arn: %q, external_id: %q", t.RoleARN, t.ExternalID)
		} else { // the organization's administrator
			b.WriteString(", members: true, account_names: true")
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func demoGuide(addresses []net.Addr, telemetryPath, endpoint string, keys simulator.Keys) string {
	var b strings.Builder
	b.WriteString("\nThe demo is running; stop it with Ctrl-C.\n\n")
	for _, address := range addresses {
		fmt.Fprintf(&b, "  metrics:    http://%s%s\n", visitable(address), telemetryPath)
	}
	fmt.Fprintf(&b, "  simulator:  %s\n\nAsk the simulator as you would ask AWS:\n\n", endpoint)
	fmt.Fprintf(&b, "  export AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s AWS_DEFAULT_REGION=us-east-1\n", keys.AccessKeyID, keys.SecretAccessKey)
	fmt.Fprintf(&b, "  aws --endpoint-url %s guardduty list-detectors\n\n", endpoint)
	return b.String()
}

// visitable gives an address that a browser on this machine can open.
func visitable(address net.Addr) string {
	host, port, err := net.SplitHostPort(address.String())
	if err != nil {
		return address.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
