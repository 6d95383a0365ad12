/**
 * PyTorch 1.13 on the cases of the tables, in float64, in training mode: for inputs and parameters made by `wave`, the
 * shape of the result, the names of the state, and Σ cos(2.3·i + 1)·vᵢ of the result and of each gradient (inputs,
 * then parameters), the result's cotangent being cos(2.3·i + 1).
 */
export interface Reference {
  readonly shape: readonly number[];
  readonly state: readonly string[];
  readonly sums: readonly number[];
}

export const references: Readonly<Record<string, Reference>> = {
  relu: { shape: [3, 4], state: [], sums: [0.1631668262823, 4.571015715898] },
  sigmoid: { shape: [3, 4], state: [], sums: [0.2168713075923, 1.133801395688] },
  logSigmoid: { shape: [3, 4], state: [], sums: [-0.4289030191338, 2.242335790668] },
  tanh: { shape: [3, 4], state: [], sums: [-0.04810786793388, 2.82408766762] },
  tanhshrink: { shape: [3, 4], state: [], sums: [-0.08038224984939, 2.940749250068] },
  selu: { shape: [3, 4], state: [], sums: [-0.1773132345428, 5.562606035335] },
  silu: { shape: [3, 4], state: [], sums: [-0.008629070876084, 4.03236237659] },
  mish: { shape: [3, 4], state: [], sums: [-0.002214486818284, 4.48905889799] },
  softsign: { shape: [3, 4], state: [], sums: [-0.02724356574046, 1.916293719764] },
  leakyRelu: { shape: [3, 4], state: [], sums: [0.1048354374692, 4.809779956256] },
  elu: { shape: [3, 4], state: [], sums: [-0.09471314869632, 5.132864457491] },
  celu: { shape: [3, 4], state: [], sums: [-0.009262295467851, 4.857966038299] },
  hardshrink: { shape: [3, 4], state: [], sums: [-0.06194126022956, 4.693043112414] },
  softshrink: { shape: [3, 4], state: [], sums: [-0.1603611444834, 4.693043112414] },
  gelu: { shape: [3, 4], state: [], sums: [0.01912894689458, 4.370794583251] },
  softplus: { shape: [3, 4], state: [], sums: [0.1252649987174, 4.184436818625] },
  hardtanh: { shape: [3, 4], state: [], sums: [0.1113420579024, 1.363720387001] },
  threshold: { shape: [3, 4], state: [], sums: [2.109995853989, 3.653414940532] },
  prelu: {
    shape: [3, 4],
    state: ["weight"],
    sums: [0.8499289302706, 2.83691304965, -0.3485042261478],
  },
  softmax: { shape: [3, 4], state: [], sums: [0.3941664339112, 1.776299078654] },
  logSoftmax: { shape: [3, 4], state: [], sums: [-1.090824222572, 5.566696427771] },
  "gelu by tanh": { shape: [3, 4], state: [], sums: [0.01918306554803, 4.370551404736] },
  "prelu with one slope": {
    shape: [2, 3, 2],
    state: ["weight"],
    sums: [-0.2583758273999, 6.296490002262, -0.1575829194011],
  },
  relu6: { shape: [3, 4], state: [], sums: [0.5257965674658, 2.869497214599] },
  hardsigmoid: { shape: [3, 4], state: [], sums: [0.19963576914, 0.498740048436] },
  hardswish: { shape: [3, 4], state: [], sums: [0.09706527681763, 4.398777935538] },
  softmin: { shape: [2, 3, 2], state: [], sums: [0.3121016494996, -0.8862114768616] },
  softmax2d: { shape: [2, 3, 2, 2], state: [], sums: [0.3264507407033, 3.687762750087] },
  glu: { shape: [2, 2, 3], state: [], sums: [-1.752546121066, 1.85620988896] },
  maxout: { shape: [2, 3, 2], state: [], sums: [-1.859732905458, 0.4972382025476] },
  "maxout along the last axis": {
    shape: [2, 2, 2],
    state: [],
    sums: [-0.3249280138127, 2.177262130672],
  },
  linear: {
    shape: [4, 2],
    state: ["weight", "bias"],
    sums: [-1.416831602167, 2.03056104655, -0.05195902578117, 0.2033905799061],
  },
  affine: {
    shape: [2, 5],
    state: ["weight", "bias"],
    sums: [-2.951730490504, -0.4410974935926, 1.272353641884, 4.034693502564],
  },
  "affine without bias": {
    shape: [4, 2],
    state: ["weight"],
    sums: [-1.643809185356, 2.03056104655, -0.05195902578117],
  },
  bilinear: {
    shape: [5, 2],
    state: ["weight", "bias"],
    sums: [-1.089890408961, -1.282850776185, -15.62960335975, -2.08954102705, 1.609807579888],
  },
  embedding: { shape: [2, 3, 3], state: ["weight"], sums: [0.03912468256142, -0.1327613544373] },
  "embedding with padding": {
    shape: [2, 3, 3],
    state: ["weight"],
    sums: [0.03912468256142, -1.172850814987],
  },
  conv1d: {
    shape: [2, 3, 4],
    state: ["weight", "bias"],
    sums: [-28.80610499138, -3.704876573961, -5.843782147867, -1.082674214054],
  },
  "conv1d of one image": {
    shape: [3, 5],
    state: ["weight", "bias"],
    sums: [-4.545203021461, 3.970706961423, 14.56462120211, 0.07805886416866],
  },
  conv2d: {
    shape: [2, 6, 4, 2],
    state: ["weight", "bias"],
    sums: [58.05685039603, -8.814215021342, 0.3624537045457, 0.01728895189369],
  },
  "conv2d same": {
    shape: [1, 3, 4, 4],
    state: ["weight"],
    sums: [13.05754046679, -24.31541389526, -0.1805275769922],
  },
  "conv2d same, reflecting": {
    shape: [1, 2, 5, 4],
    state: ["weight", "bias"],
    sums: [6.679533439576, -31.06254929069, 0.1146445812107, 1.210772418004],
  },
  "conv2d replicating": {
    shape: [1, 2, 5, 4],
    state: ["weight", "bias"],
    sums: [-3.297191335478, 16.57106893204, 10.00793687538, 1.210772418004],
  },
  "conv2d circular": {
    shape: [1, 2, 3, 2],
    state: ["weight", "bias"],
    sums: [5.679142110192, -17.47040408106, -9.983877930721, 0.3866723279654],
  },
  conv3d: {
    shape: [1, 2, 2, 3, 2],
    state: ["weight", "bias"],
    sums: [3.180282416207, -0.6509055459884, 5.704895163886, 1.19811486249],
  },
  "conv3d reflecting": {
    shape: [1, 2, 3, 1, 5],
    state: ["weight", "bias"],
    sums: [-4.242368243666, 4.71858869515, 1.041965369231, 0.3583521807691],
  },
  convTranspose1d: {
    shape: [2, 3, 8],
    state: ["weight", "bias"],
    sums: [-13.48990588927, 8.364332344134, 11.70548641349, 0.03346729841043],
  },
  convTranspose2d: {
    shape: [2, 6, 7, 5],
    state: ["weight", "bias"],
    sums: [-1.343796148274, -1.420991982571, -36.3885682075, -0.2704707972363],
  },
  convTranspose3d: {
    shape: [1, 2, 4, 4, 4],
    state: ["weight"],
    sums: [4.038195499577, 2.075888996936, -0.7581278837496],
  },
  batchNorm1d: {
    shape: [4, 3],
    state: ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"],
    sums: [-2.137932045743, 1.947221904811, 2.656121791649, 3.19509972223],
  },
  "batchNorm1d of sequences": {
    shape: [2, 3, 4],
    state: ["running_mean", "running_var", "num_batches_tracked"],
    sums: [-1.715675912223, 7.728006953021],
  },
  batchNorm2d: {
    shape: [2, 3, 2, 2],
    state: ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"],
    sums: [-2.541864288002, -1.67084964855, -7.061749319793, -1.082674214054],
  },
  "batchNorm2d without running statistics": {
    shape: [2, 3, 2, 2],
    state: ["weight", "bias"],
    sums: [-2.541864288002, -1.67084964855, -7.061749319793, -1.082674214054],
  },
  batchNorm3d: {
    shape: [2, 2, 2, 1, 3],
    state: ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"],
    sums: [-2.088921620362, 10.29432108272, -0.8826611789454, 0.375868717646],
  },
  instanceNorm1d: {
    shape: [2, 3, 4],
    state: ["weight", "bias"],
    sums: [-2.491102060667, 0.0143330424493, -6.856439738043, -1.082674214054],
  },
  instanceNorm2d: { shape: [2, 3, 2, 2], state: [], sums: [-1.75196830331, 6.062218828663] },
  "instanceNorm2d of one image": {
    shape: [3, 2, 4],
    state: [],
    sums: [-1.732853809016, 11.0611959606],
  },
  "instanceNorm2d with running statistics": {
    shape: [2, 3, 2, 2],
    state: ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"],
    sums: [-2.491102060667, 0.0143330424493, -6.856439738043, -1.082674214054],
  },
  instanceNorm3d: { shape: [2, 2, 2, 1, 3], state: [], sums: [-1.925554254343, 10.31812857186] },
  layerNorm: {
    shape: [2, 3, 4],
    state: ["weight", "bias"],
    sums: [-1.572329645378, 3.336089761526, 3.091738001246, 1.045530876242],
  },
  "layerNorm without bias": {
    shape: [2, 3, 4],
    state: ["weight"],
    sums: [-0.06891029292143, 2.772542418643, 1.050527957783],
  },
  "layerNorm without parameters": {
    shape: [2, 3, 4],
    state: [],
    sums: [-1.75196830331, 6.062218828663],
  },
  groupNorm: {
    shape: [2, 4, 3],
    state: ["weight", "bias"],
    sums: [-9.245250382353, 1.758075822185, -0.8127946779478, -0.02506277428642],
  },
  "groupNorm without parameters": {
    shape: [2, 4, 3],
    state: [],
    sums: [-1.601578775981, 11.14424526041],
  },
  rmsNorm: {
    shape: [2, 3, 4],
    state: ["weight"],
    sums: [-0.1186065128559, 3.414893238809, 0.9663282078417],
  },
  "rmsNorm of planes": { shape: [2, 3, 4], state: [], sums: [-1.678866911693, 11.17486089812] },
  localResponseNorm: { shape: [2, 5, 3], state: [], sums: [-0.08205135214758, 10.03637657264] },
  maxPool1d: { shape: [2, 2, 4], state: [], sums: [0.8750663450663, 1.041281225797] },
  maxPool2d: { shape: [2, 2, 3, 2], state: [], sums: [-0.7137938996686, 0.6535351098431] },
  maxPool3d: { shape: [2, 2, 1, 2], state: [], sums: [-0.9831687769113, -0.3103282899948] },
  avgPool1d: { shape: [2, 2, 3], state: [], sums: [0.06743231724326, -0.1841539305149] },
  avgPool2d: { shape: [1, 2, 3, 2], state: [], sums: [0.01824830630955, -0.1542815945036] },
  "avgPool2d with a divisor": {
    shape: [2, 2, 2],
    state: [],
    sums: [4.149627499373, 0.02981423622195],
  },
  avgPool3d: { shape: [1, 2, 2, 2, 2], state: [], sums: [-4.397596340315, 0.3519529360643] },
  lpPool1d: { shape: [2, 2, 2], state: [], sums: [-0.008028749795937, 1.774082190749] },
  lpPool2d: { shape: [1, 2, 3, 2], state: [], sums: [1.171604010148, 0.6986142199976] },
  lpPool3d: { shape: [1, 2, 2, 2, 1], state: [], sums: [-0.3035532957613, -2.027921839897] },
  maxUnpool1d: { shape: [1, 2, 6], state: [], sums: [1.198136686365, -0.7490304698926] },
  maxUnpool2d: { shape: [1, 1, 4, 4], state: [], sums: [0.8428310828123, 0.1836879308684] },
  maxUnpool3d: { shape: [1, 1, 2, 2, 4], state: [], sums: [-0.3754007079875, 0.3475548933936] },
  adaptiveAvgPool1d: { shape: [2, 2, 3], state: [], sums: [1.474153205191, -0.01473165648413] },
  adaptiveAvgPool2d: { shape: [1, 2, 3, 2], state: [], sums: [-0.8087999647701, 0.02405716223303] },
  adaptiveAvgPool3d: { shape: [2, 1, 2, 2], state: [], sums: [2.007532093387, 0.01374285634414] },
  adaptiveMaxPool1d: { shape: [2, 2, 3], state: [], sums: [1.744404813865, -0.9454511172842] },
  adaptiveMaxPool2d: { shape: [1, 2, 2, 3], state: [], sums: [1.68316513866, 1.255657168874] },
  adaptiveMaxPool3d: { shape: [2, 2, 2, 2], state: [], sums: [-0.9257828379968, 1.391167567841] },
};
