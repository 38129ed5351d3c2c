{{/* Labels of all objects. */}}
{{- define "blindsight.labels" -}}
app.kubernetes.io/name: blindsight
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Labels of the pods of a role: (dict "root" . "role" "front"). */}}
{{- define "blindsight.selector" -}}
app.kubernetes.io/name: blindsight
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{/* What every node needs, as a list of variables. */}}
{{- define "blindsight.places" -}}
- name: BLINDSIGHT_STATE
  valueFrom:
    secretKeyRef: {name: {{ .Values.state.secret | quote }}, key: {{ .Values.state.addressKey | quote }}}
- name: PGPASSWORD
  valueFrom:
    secretKeyRef: {name: {{ .Values.state.secret | quote }}, key: {{ .Values.state.passwordKey | quote }}}
- name: BLINDSIGHT_BLOBS
  value: {{ .Values.blobs.address | quote }}
- name: BLINDSIGHT_LEASE_SECONDS
  value: {{ .Values.leaseSeconds | quote }}
{{- with .Values.traces.address }}
- name: BLINDSIGHT_TRACES
  value: {{ . | quote }}
{{- end }}
{{- end }}

{{/* A container that may do nothing but its work. */}}
{{- define "blindsight.container" -}}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
ports:
  - {name: http, containerPort: 8080}
{{- with .Values.blobs.secret }}
envFrom:
  - secretRef: {name: {{ . | quote }}}
{{- end }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
# A start reads all models and may bring the tables up to date.
startupProbe:
  httpGet: {path: /health/live, port: http}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /health/live, port: http}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /health/ready, port: http}
  periodSeconds: 2
{{- end }}

{{- define "blindsight.pod" -}}
automountServiceAccountToken: false
{{- with .Values.serviceAccount }}
serviceAccountName: {{ . | quote }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- end }}
