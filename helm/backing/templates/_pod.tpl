{{/* Labels of a component: what selects it, and what finds it by its release. */}}
{{- define "backing.labels" -}}
app.kubernetes.io/name: {{ .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/part-of: slipway
{{- end }}

{{/* What the Pod Security Standard `restricted` asks of a pod. */}}
{{- define "backing.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* What it asks of a container, and a root file system that nothing writes to. */}}
{{- define "backing.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
