{{/* Labels of a component: what it is called, and what finds it by its release. */}}
{{- define "platform.labels" -}}
app.kubernetes.io/name: {{ .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/part-of: slipway
{{- end }}
