{{- define "exporter.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "exporter.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "exporter.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "exporter.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "exporter.selector" -}}
app.kubernetes.io/name: {{ include "exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "exporter.labels" -}}
{{ include "exporter.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "exporter.metadata" -}}
name: {{ include "exporter.fullname" . }}
namespace: {{ .Release.Namespace }}
labels: {{- include "exporter.labels" . | nindent 2 }}
{{- end -}}

{{- define "exporter.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "exporter.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "exporter.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "exporter.configVolume" -}}
name: config
{{- if .Values.existingSecret }}
secret: {secretName: {{ .Values.existingSecret }}}
{{- else }}
configMap: {name: {{ include "exporter.fullname" . }}}
{{- end }}
{{- end -}}

{{- define "exporter.probe" -}}
{{- if eq .root.Values.probes.type "tcp" -}}
tcpSocket: {port: metrics}
{{- else -}}
httpGet:
  path: {{ .path }}
  port: metrics
  {{- if ne .root.Values.probes.scheme "HTTP" }}
  scheme: {{ .root.Values.probes.scheme }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "exporter.pod" -}}
metadata:
  labels: {{- include "exporter.selector" . | nindent 4 }}
  {{- with .Values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- if or .Values.podAnnotations (not (or .Values.autoReload .Values.existingSecret)) }}
  annotations:
    {{- with .Values.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
    {{- if not (or .Values.autoReload .Values.existingSecret) }}
    checksum/config: {{ include (print .Template.BasePath "/configmap.yaml") . | sha256sum }}
    {{- end }}
  {{- end }}
spec:
  serviceAccountName: {{ include "exporter.serviceAccount" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: 30
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.podSecurityContext }}
  securityContext: {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: exporter
      image: {{ include "exporter.image" . }}
      {{- if ne .Values.image.pullPolicy "IfNotPresent" }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      {{- end }}
      args:
        - --config.file=/etc/guardduty-coverage-exporter/{{ if .Values.replicaEvents }}$(POD_NAME){{ else }}config{{ end }}.yaml
        - --web.listen-address=:10871
        {{- if .Values.autoReload }}
        - --config.enable-auto-reload
        {{- end }}
        {{- if .Values.webConfigSecret }}
        - --web.config.file=/etc/guardduty-coverage-exporter-web/web.yaml
        {{- end }}
        {{- with .Values.extraArgs }}{{ toYaml . | nindent 8 }}{{ end }}
      {{- if or .Values.replicaEvents .Values.extraEnv }}
      env:
        {{- if .Values.replicaEvents }}
        - name: POD_NAME
          valueFrom: {fieldRef: {fieldPath: metadata.name}}
        {{- end }}
        {{- with .Values.extraEnv }}{{ toYaml . | nindent 8 }}{{ end }}
      {{- end }}
      ports:
        - name: metrics
          containerPort: 10871
      {{- with .Values.securityContext }}
      securityContext: {{- toYaml . | nindent 8 }}
      {{- end }}
      livenessProbe:
        {{- include "exporter.probe" (dict "root" . "path" "/-/healthy") | nindent 8 }}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        {{- include "exporter.probe" (dict "root" . "path" "/-/ready") | nindent 8 }}
        periodSeconds: 5
        timeoutSeconds: 5
      {{- with .Values.resources }}
      resources: {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - name: config
          mountPath: /etc/guardduty-coverage-exporter
          readOnly: true
        {{- if .Values.secretFiles }}
        - name: secrets
          mountPath: /etc/guardduty-coverage-exporter-secrets
          readOnly: true
        {{- end }}
        {{- if .Values.webConfigSecret }}
        - name: web
          mountPath: /etc/guardduty-coverage-exporter-web
          readOnly: true
        {{- end }}
        {{- with .Values.extraVolumeMounts }}{{ toYaml . | nindent 8 }}{{ end }}
  volumes:
    - {{- include "exporter.configVolume" . | nindent 6 }}
    {{- if .Values.secretFiles }}
    - name: secrets
      secret: {secretName: {{ .Values.secretFiles }}}
    {{- end }}
    {{- if .Values.webConfigSecret }}
    - name: web
      secret: {secretName: {{ .Values.webConfigSecret }}}
    {{- end }}
    {{- with .Values.extraVolumes }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- range $key := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName" "dnsPolicy" "dnsConfig" }}
  {{- with index $.Values $key }}
  {{- dict $key . | toYaml | nindent 2 }}
  {{- end }}
  {{- end }}
{{- end -}}
