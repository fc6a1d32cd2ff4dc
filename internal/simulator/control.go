package simulator

import (
	"net/http"
)

// controlPath is where a served world is changed from outside of the process.
const controlPath = "/simulator/clusters"

// controlCluster is the body of a control request.
type controlCluster struct {
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

// serveControl creates, replaces or removes a cluster.
func (s *Server) serveControl(w http.ResponseWriter, r *http.Request, body []byte) {
	var in controlCluster
	names := []string{"account_id", "region", "cluster_name"}
	change := s.removeCluster
	switch r.Method {
	case http.MethodPut:
		names = append(names, "coverage_status", "issue", "issues", "management_type", "covered", "compatible")
		change = s.putCluster
	case http.MethodDelete:
	default:
		w.Header().Set("Allow", "PUT, DELETE")
		answerControl(w, http.StatusMethodNotAllowed, "only PUT and DELETE are served here")
		return
	}
	if err := decode(body, &in, names...); err != nil {
		answerControl(w, http.StatusBadRequest, err.Error())
		return
	}
	if in.AccountID == "" || in.Region == "" || in.ClusterName == "" {
		answerControl(w, http.StatusBadRequest, "account_id, region and cluster_name are needed")
		return
	}
	if in.Covered < 0 || in.Compatible < 0 {
		answerControl(w, http.StatusBadRequest, "covered and compatible must not be negative")
		return
	}
	if !change(in) {
		answerControl(w, http.StatusNotFound, "there is no such account or cluster")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// putCluster creates or replaces the row and reports whether its account
// exists.
func (s *Server) putCluster(in controlCluster) (found bool) {
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
		*c = Cluster{
			Region: in.Region, Name: in.ClusterName, Status: in.CoverageStatus, Issue: in.Issue, Issues: in.Issues,
			ManagementType: in.ManagementType, Covered: in.Covered, Compatible: in.Compatible, UpdatedAt: now,
		}
	})
	return found
}

// removeCluster removes the row and reports whether it existed.
func (s *Server) removeCluster(in controlCluster) (found bool) {
	s.Update(func(w *World) {
		if a := w.Account(in.AccountID); a != nil {
			found = a.RemoveCluster(in.Region, in.ClusterName)
		}
	})
	return found
}

func answerControl(w http.ResponseWriter, status int, message string) {
	restJSON{}.write(w, status, struct {
		Message string `json:"message"`
	}{message})
}
