package simulator

import (
	"net/http"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

// adminPath is the path for changing the world from other processes.
const adminPath = "/simulator/clusters"

// adminCluster is the body of an admin request.
type adminCluster struct {
	AccountID      string   `json:"account_id"`
	Region         string   `json:"region"`
	ClusterName    string   `json:"cluster_name"`
	CoverageStatus string   `json:"coverage_status"`
	Issue          string   `json:"issue"`
	Issues         []string `json:"issues"`
	ManagementType string   `json:"management_type"`
	Covered        int64    `json:"covered"`
	Compatible     int64    `json:"compatible"`
}

// serveAdmin creates, replaces or removes a cluster.
func (s *Server) serveAdmin(w http.ResponseWriter, r *http.Request, body []byte) {
	var in adminCluster
	names := []string{"account_id", "region", "cluster_name"}
	change := s.removeCluster
	switch r.Method {
	case http.MethodPut:
		names = append(names, "coverage_status", "issue", "issues", "management_type", "covered", "compatible")
		change = s.putCluster
	case http.MethodDelete:
	default:
		w.Header().Set("Allow", "PUT, DELETE")
		writeAdminError(w, http.StatusMethodNotAllowed, "only PUT and DELETE are supported")
		return
	}
	if err := awswire.Decode(body, &in, names...); err != nil {
		writeAdminError(w, http.StatusBadRequest, err.Error())
		return
	}
	if in.AccountID == "" || in.Region == "" || in.ClusterName == "" {
		writeAdminError(w, http.StatusBadRequest, "account_id, region and cluster_name are required")
		return
	}
	if in.Covered < 0 || in.Compatible < 0 {
		writeAdminError(w, http.StatusBadRequest, "covered and compatible must not be negative")
		return
	}
	if !change(in) {
		writeAdminError(w, http.StatusNotFound, "no such account or cluster")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// putCluster creates or replaces the row and reports whether its account
// exists.
func (s *Server) putCluster(in adminCluster) (found bool) {
	now := s.now()
	s.Update(func(w *World) {
		a := w.Account(in.AccountID)
		if a == nil {
			return
		}
		found = true
		c := a.Cluster(in.Region, in.ClusterName)
		if c == nil {
			c = &Cluster{}
			a.Clusters = append(a.Clusters, c)
		}
		c.Region, c.Name, c.Status, c.Issue, c.Issues = in.Region, in.ClusterName, in.CoverageStatus, in.Issue, in.Issues
		c.ManagementType, c.Covered, c.Compatible, c.UpdatedAt = in.ManagementType, in.Covered, in.Compatible, now
		c.Unlisted, c.Deleted = false, false
	})
	return found
}

// removeCluster removes the row and reports whether it existed.
func (s *Server) removeCluster(in adminCluster) (found bool) {
	s.Update(func(w *World) {
		if a := w.Account(in.AccountID); a != nil {
			found = a.RemoveCluster(in.Region, in.ClusterName)
		}
	})
	return found
}

func writeAdminError(w http.ResponseWriter, status int, message string) {
	awswire.WriteJSON(w, "application/json", status, struct {
		Message string `json:"message"`
	}{message})
}
