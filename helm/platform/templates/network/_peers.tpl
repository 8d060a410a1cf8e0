{{/* Pods of the table in docs/network.md, as peers of a rule. */}}
{{- define "platform.pods.webserver" -}}
matchLabels: {component: dagster-webserver, app.kubernetes.io/instance: {{ .Values.controlPlane.release }}}
{{- end }}
{{- define "platform.pods.daemon" -}}
matchLabels: {component: dagster-daemon, app.kubernetes.io/instance: {{ .Values.controlPlane.release }}}
{{- end }}
{{- define "platform.pods.codeServers" -}}
matchLabels: {component: user-deployments}
{{- end }}
{{- define "platform.pods.warmWorkers" -}}
matchLabels: {component: warm-worker}
{{- end }}
{{- define "platform.pods.runs" -}}
matchExpressions:
  - {key: app.kubernetes.io/component, operator: In, values: [run_worker, step_worker]}
{{- end }}
{{/* Runs, not their steps, of code locations with `queue`. */}}
{{- define "platform.pods.queueingRuns" -}}
matchLabels: {app.kubernetes.io/component: run_worker}
matchExpressions:
  - key: dagster/code-location
    operator: In
    values:
      {{- range $name, $location := .Values.codeLocations }}
      {{- if $location.queue }}
      - {{ $name }}
      {{- end }}
      {{- end }}
{{- end }}
{{- define "platform.pods.queueWorkers" -}}
matchLabels: {app.kubernetes.io/name: queue-worker, app.kubernetes.io/instance: {{ .Release.Name }}}
{{- end }}
{{- define "platform.pods.flower" -}}
matchLabels: {app.kubernetes.io/name: flower, app.kubernetes.io/instance: {{ .Release.Name }}}
{{- end }}
{{- define "platform.pods.redis" -}}
matchLabels: {app.kubernetes.io/name: redis, app.kubernetes.io/part-of: slipway}
{{- end }}
{{- define "platform.pods.cleanup" -}}
matchLabels: {app.kubernetes.io/name: cleanup, app.kubernetes.io/instance: {{ .Release.Name }}}
{{- end }}
{{- define "platform.pods.demo" -}}
matchLabels: {app.kubernetes.io/name: demo}
{{- end }}
{{- define "platform.pods.postgres" -}}
matchLabels: {app.kubernetes.io/name: postgres, app.kubernetes.io/part-of: slipway}
{{- end }}
{{- define "platform.pods.s3" -}}
matchLabels: {app.kubernetes.io/name: s3, app.kubernetes.io/part-of: slipway}
{{- end }}

{{/* Rules that let out to a server: our own pods of that name, addresses, or both; and to where credentials for it are. */}}
{{- define "platform.network.toServer" -}}
{{- $server := index .root.Values.networkPolicies .name }}
- ports: [{protocol: TCP, port: {{ $server.port }}}]
  to:
    {{- if $server.pods }}
    - podSelector: {{- include (print "platform.pods." .name) .root | nindent 8 }}
    {{- end }}
    {{- range $server.cidrs }}
    - ipBlock: {cidr: {{ . }}}
    {{- end }}
{{- with $server.credentials }}
{{- if .cidrs }}
- ports: [{protocol: TCP, port: {{ .port }}}]
  to:
    {{- range .cidrs }}
    - ipBlock: {cidr: {{ . }}}
    {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* A rule that lets out to the cluster's DNS. */}}
{{- define "platform.network.toDns" -}}
- ports:
    {{- range .Values.networkPolicies.dns.ports }}
    - {protocol: UDP, port: {{ . }}}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
  to:
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: {{ .Values.networkPolicies.dns.namespace }}}
{{- end }}

{{/* A rule that lets out to the Kubernetes API. */}}
{{- define "platform.network.toApi" -}}
- ports:
    {{- range .Values.networkPolicies.kubernetesApi.ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
  to:
    {{- range .Values.networkPolicies.kubernetesApi.cidrs }}
    - ipBlock: {cidr: {{ . }}}
    {{- end }}
{{- end }}
